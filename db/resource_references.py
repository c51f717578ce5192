"""References: which resources the data of others refers to, read from either end."""

from __future__ import annotations

import msgspec

from db import tables
from db.ids import Namespace
from db.nouns import Noun
from db.reads import Edge
from db.resources import prepare


class ReferenceRow(msgspec.Struct, frozen=True, gc=False):
    """A value of a `$ref` field of stored data."""

    id: str
    root_id: str
    source_id: str
    path: str
    target_type_id: str
    target_external_id: str
    target_id: str
    scope_id: str


REFERENCES: Noun[ReferenceRow] = Noun(
    namespace=Namespace.RESOURCE,
    title="reference",
    table=tables.resource_references,
    row=ReferenceRow,
    prepare=prepare,  # type: ignore[arg-type]  # they are made with the resources alone
    unique=(),
)

BY_SOURCE = Edge(REFERENCES, "source_id")
BY_TARGET = Edge(REFERENCES, "target_id")
