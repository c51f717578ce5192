"""Schema definitions: the types of the catalogue, as the upload dialect names them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.rest.uploads.envelopes import done, of_report, refuse
from app.rest.uploads.parameters import Query
from app.rest.work import Read, Write, require_writer
from db.coalescing import Query as Question
from db.commands import ChangeDefinition, CreateDefinition, RemoveDefinition
from db.errors import Fault
from db.outcomes import Outcome, Report, failed
from db.resource_types import RESOURCE_TYPES, NewResourceType, ResourceTypeChange
from db.shapes import Description, Key, Name, ResourceTypeId, Timestamp, decode_one
from db.uploads import definitions
from db.uploads.definitions import SAMPLE, reach_of

if TYPE_CHECKING:
    from app.rest.exchange import Answer, Call
    from db.uploads.definitions import DefinitionRow

# What the catalogue calls the members of a definition, in the texts of its refusals.
_RENAMED = {"displayNamePath": "exposeNameJsonPath", "resource type": "schema definition"}


class NewDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A schema definition asked for."""

    name: Key
    plural_name: Key | None = None
    description: Description | None = None
    category: Name | None = None
    external_id_field: Name
    schema: dict[str, Any] | bool
    expose_name_json_path: Name | None = None


class DefinitionChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A change of a schema definition: a member left out stays as it is."""

    name: Key | UnsetType = UNSET
    plural_name: Key | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    category: Name | UnsetType | None = UNSET
    external_id_field: Name | UnsetType = UNSET
    schema: dict[str, Any] | bool | UnsetType = UNSET
    expose_name_json_path: Name | UnsetType | None = UNSET


class ReferenceSchema(msgspec.Struct, frozen=True):
    """A schema definition that another one refers to."""

    id: ResourceTypeId
    name: str


class SampleShown(msgspec.Struct, frozen=True):
    """How many of some stored records would fail the schema as it is now."""

    checked: Annotated[int, Meta(ge=0, le=SAMPLE)]
    failing: Annotated[int, Meta(ge=0, le=SAMPLE)]


class SchemaDefinition(msgspec.Struct, frozen=True, rename="camel"):
    """A schema definition."""

    id: ResourceTypeId
    name: str
    plural_name: str | UnsetType
    description: str | UnsetType
    category: str | UnsetType
    external_id_field: str | UnsetType
    schema: dict[str, Any] | bool | UnsetType
    expose_name_json_path: str | UnsetType
    version_number: int | UnsetType
    reference_schemas: list[ReferenceSchema]
    created_at: Timestamp
    updated_at: Timestamp | UnsetType
    sample: SampleShown | UnsetType = UNSET


def create_definition(call: Call) -> Write:
    """Create a schema definition in the scope."""
    require_writer(call)
    call.require_json()
    asked = decode_one(call.body, NewDefinition)
    refuse((*Query(call).end(), *(asked if isinstance(asked, tuple) else ())))
    scope_id = reach_of(call.caller).scope_id
    assert not isinstance(asked, tuple), "its faults were raised"
    new = NewResourceType(
        name=asked.name,
        key=asked.name,
        scope_id=scope_id,
        plural_key=asked.plural_name,
        description=asked.description,
        category=asked.category,
        schema=asked.schema,
        external_id_field=asked.external_id_field,
        display_name_path=asked.expose_name_json_path,
    )
    return Write(CreateDefinition(RESOURCE_TYPES, new), _render_written)


def change_definition(call: Call) -> Write:
    """Change a schema definition of the scope or one below it; another schema is another version."""
    require_writer(call)
    call.require_json()
    asked = decode_one(call.body, DefinitionChange)
    refuse((*Query(call).end(), *(asked if isinstance(asked, tuple) else ())))
    reach_of(call.caller)
    assert not isinstance(asked, tuple), "its faults were raised"
    change = ResourceTypeChange(
        key=asked.name,
        plural_key=asked.plural_name,
        description=asked.description,
        category=asked.category,
        schema=asked.schema,
        external_id_field=asked.external_id_field,
        display_name_path=asked.expose_name_json_path,
    )
    return Write(ChangeDefinition(RESOURCE_TYPES, call.segments["idOrName"], change), _render_written)


def delete_definition(call: Call) -> Write:
    """Delete a schema definition that nothing depends on."""
    require_writer(call)
    refuse(Query(call).end())
    reach_of(call.caller)
    return Write(RemoveDefinition(RESOURCE_TYPES, call.segments["idOrName"]), _render_removed)


def get_definition(call: Call) -> Read:
    """Read the nearest schema definition of a name or id that the scope can use."""
    refuse(Query(call).end())
    reach_of(call.caller)
    name = call.segments["idOrName"]
    question = Question("get_definition", lambda reader: definitions.one(reader, call.caller, name))
    return Read(question, lambda found: done(200, "the schema definition", _shown(found)))


def list_definitions(call: Call) -> Read:
    """List the schema definitions that the scope can use: its own, and those of the scopes above."""
    refuse(Query(call).end())
    reach_of(call.caller)
    question = Question("list_definitions", partial(_usable, call))
    return Read(
        question, lambda found: done(200, f"{len(found):,} schema definitions", list(map(_shown, found)))
    )


async def _usable(call: Call, reader: Any) -> list[DefinitionRow]:
    return await definitions.usable(reader, call.caller)


def _render_written(report: Report[DefinitionRow]) -> Answer:
    result = report.results[0]
    if not report.committed or result.row is None:
        return of_report(_reworded(report))
    if result.outcome is Outcome.CREATED:
        return done(201, "the schema definition was created", _shown(result.row))
    told = "the schema definition was changed"
    if sample := result.row.sample:
        told += (
            f"; {sample.failing} of {sample.checked} sampled records fail it: "
            "they stay as they are until they are written again"
        )
    return done(200, told, _shown(result.row))


def _render_removed(report: Report[DefinitionRow]) -> Answer:
    if not report.committed:
        return of_report(_reworded(report))
    return done(200, "the schema definition was deleted")


def _reworded(report: Report[DefinitionRow]) -> Report[DefinitionRow]:
    """Tell faults in the words of this dialect."""
    faults: list[Fault] = []
    for fault in (fault for result in report.results for fault in result.faults):
        detail = fault.detail
        for catalogue, own in _RENAMED.items():
            detail = detail.replace(catalogue, own)
        if fault.pointer == "/key":
            detail = detail.replace("key", "name", 1)
        if fault.pointer.startswith("/schema/"):
            # This dialect's refusals have no pointers.
            detail = f"{fault.pointer[1:]}: {detail}"
        faults.append(Fault(fault.code, fault.pointer, detail))
    return Report([failed(*faults)], committed=False)


def _shown(found: DefinitionRow) -> SchemaDefinition:
    row = found.type
    schema: Any = UNSET if row.schema is None else Raw(row.schema.encode())
    return SchemaDefinition(
        row.id,
        row.key,
        _or_unset(row.plural_key),
        _or_unset(row.description),
        _or_unset(row.category),
        _or_unset(row.external_id_field),
        schema,
        _or_unset(row.display_name_path),
        UNSET if row.schema_version is None else row.schema_version,
        [ReferenceSchema(type_id, key) for type_id, key in found.references],
        row.created_at,
        _or_unset(row.updated_at),
        UNSET if found.sample is None else SampleShown(*found.sample),
    )


def _or_unset(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text
