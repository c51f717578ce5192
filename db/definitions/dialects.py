"""The drafts of JSON Schema that a definition may be written in, and what their keywords hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from db.definitions.wording import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Dialect:
    """One draft: its validator, that of its schemas, and where its keywords hold schemas."""

    name: str
    validator: type[jsonschema_rs.Validator]
    metavalidator: Callable[[], jsonschema_rs.Validator]
    # A keyword that holds one schema, several in an array, or several by name, and where they apply:
    # IN_PLACE to the same value, BELOW to a value within it, NOWHERE by themselves.
    single: Mapping[str, str]
    array: Mapping[str, str]
    named: Mapping[str, str]
    # In draft 7 all that stands beside a `$ref` is ignored.
    ref_stands_alone: bool
    # Keywords that lead to a schema of the same document, and those that name one for them.
    refs: tuple[str, ...]
    anchors: tuple[str, ...]

    @property
    def known(self) -> frozenset[str]:
        """Name the keywords whose values are read, so that no local `$ref` leads inside one unnoticed."""
        return frozenset((*self.single, *self.array, *self.named, "enum", "const", "default", "examples"))


IN_PLACE: Final = "in place"
BELOW: Final = "below"
NOWHERE: Final = "nowhere"

_SINGLE: Final = {
    **dict.fromkeys(("not", "if", "then", "else"), IN_PLACE),
    **dict.fromkeys(("additionalProperties", "propertyNames", "items", "contains"), BELOW),
    "contentSchema": NOWHERE,
}
_ARRAY: Final = dict.fromkeys(("allOf", "anyOf", "oneOf"), IN_PLACE)
_NAMED: Final = {
    **dict.fromkeys(("properties", "patternProperties"), BELOW),
    **dict.fromkeys(("$defs", "definitions"), NOWHERE),
}
_UNEVALUATED: Final = dict.fromkeys(("unevaluatedProperties", "unevaluatedItems"), BELOW)
# Keywords that a draft doesn't have are annotations there; what they hold is checked all the same.
_FOREIGN: Final = dict.fromkeys(("additionalItems", *_UNEVALUATED), NOWHERE)


def _metavalidator(
    validator: type[jsonschema_rs.Validator], address: str
) -> Callable[[], jsonschema_rs.Validator]:
    """Return what makes the validator of a draft's schemas, once, and not while a server starts."""
    return cache(lambda: validator({"$ref": address}, validate_formats=False, offline=True, mask=MASK))


DRAFT_7: Final = Dialect(
    name="draft 7",
    validator=jsonschema_rs.Draft7Validator,
    metavalidator=_metavalidator(jsonschema_rs.Draft7Validator, "http://json-schema.org/draft-07/schema"),
    single={**_FOREIGN, **_SINGLE, "additionalItems": BELOW},
    array={**_ARRAY, "items": BELOW, "prefixItems": NOWHERE},
    named={**_NAMED, "dependencies": IN_PLACE, "dependentSchemas": NOWHERE},
    ref_stands_alone=True,
    refs=("$ref",),
    anchors=(),
)
DRAFT_2019: Final = Dialect(
    name="2019-09",
    validator=jsonschema_rs.Draft201909Validator,
    metavalidator=_metavalidator(
        jsonschema_rs.Draft201909Validator, "https://json-schema.org/draft/2019-09/schema"
    ),
    single={**_FOREIGN, **_SINGLE, **_UNEVALUATED, "additionalItems": BELOW},
    array={**_ARRAY, "items": BELOW, "prefixItems": NOWHERE},
    named={**_NAMED, "dependencies": IN_PLACE, "dependentSchemas": IN_PLACE},
    ref_stands_alone=False,
    refs=("$ref", "$recursiveRef"),
    anchors=("$anchor",),
)
DRAFT_2020: Final = Dialect(
    name="2020-12",
    validator=jsonschema_rs.Draft202012Validator,
    metavalidator=_metavalidator(
        jsonschema_rs.Draft202012Validator, "https://json-schema.org/draft/2020-12/schema"
    ),
    single={**_FOREIGN, **_SINGLE, **_UNEVALUATED},
    array={**_ARRAY, "prefixItems": BELOW},
    named={**_NAMED, "dependencies": IN_PLACE, "dependentSchemas": IN_PLACE},
    ref_stands_alone=False,
    refs=("$ref", "$dynamicRef"),
    anchors=("$anchor", "$dynamicAnchor"),
)
_BY_ADDRESS: Final = {
    "json-schema.org/draft-07/schema": DRAFT_7,
    "json-schema.org/draft/2019-09/schema": DRAFT_2019,
    "json-schema.org/draft/2020-12/schema": DRAFT_2020,
}


def dialect_of(schema: dict[str, Any] | bool) -> Dialect | None:
    """Tell which draft a schema is written in: 7 where it doesn't say, `None` if it isn't supported."""
    if isinstance(schema, bool) or "$schema" not in schema:
        return DRAFT_7
    address = schema["$schema"]
    if not isinstance(address, str):
        return None
    return _BY_ADDRESS.get(address.removeprefix("https://").removeprefix("http://").removesuffix("#"))
