"""Equal rows for all: in this server's tables, and in those of the peers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

SERVERS = Path(__file__).parent / "servers"
TYPES, SCOPES = 10, 20
ROOT = "scope_0"
CREATED_AT, CREATED_BY = "2026-01-01T00:00:00Z", "somebody"

_STAMPS = "created_at, created_by, revision, root_id"
_STAMPED = f"'{CREATED_AT}', '{CREATED_BY}', 'r', '{ROOT}'"
# These ids come before those that servers make, so that a first page stays what it is.
RESOURCE = "'resource_' || lpad(n::text, 7, '0')"
_OF_RESOURCE = (
    f"{RESOURCE}, 'resource_type_' || n % {TYPES}, 'scope_' || 1 + n % {SCOPES}, 'x' || n, 'Resource ' || n"
)


class Size(NamedTuple):
    """How many resources there are, of how many tags, and how many of these each resource has."""

    resources: int
    tags: int
    tags_each: int

    def ours(self) -> str:
        """Return the statements that fill this server's tables."""
        stamps, stamped = _STAMPS, _STAMPED
        return f"""
        insert into scopes (id, parent_scope_id, name, path, {stamps})
          select 'scope_' || n, case when n > 0 then '{ROOT}' end, 'Scope ' || n,
            case when n > 0 then 'p0/p' || n || '/' else 'p0/' end, {stamped}
          from generate_series(0, {SCOPES}) n;
        insert into resource_types (id, scope_id, key, key_folded, name, {stamps})
          select 'resource_type_' || n, '{ROOT}', 'k' || n, 'k' || n, 'Type ' || n, {stamped}
          from generate_series(0, {TYPES - 1}) n;
        insert into tag_groups (id, scope_id, key, name, is_locked, {stamps})
          values ('tag_group_0', '{ROOT}', 'k', 'Group', false, {stamped});
        insert into tags (id, scope_id, tag_group_id, identifier, label, {stamps})
          select 'tag_' || n, '{ROOT}', 'tag_group_0', 'i' || n, 'Label ' || n, {stamped}
          from generate_series(0, {self.tags - 1}) n;
        insert into resources (id, resource_type_id, scope_id, external_resource_id, display_name, {stamps})
          select {_OF_RESOURCE}, {stamped} from generate_series(0, {self.resources - 1}) n;
        insert into tag_assignments
          (id, tag_id, resource_id, scope_id, tag_group_id, resource_scope_id, {stamps})
          select 'tag_assignment_' || n || '_' || step, 'tag_' || {self._tag}, {RESOURCE},
            'scope_' || 1 + n % {SCOPES}, 'tag_group_0', 'scope_' || 1 + n % {SCOPES}, {stamped}
          from {self._taggings};
        """  # noqa: S608 - of constants and numbers

    def theirs(self, *, lean: bool = False) -> str:
        """Return the statements that make the peers' tables and fill them, with this server's indexes or few."""
        indexes = SERVERS / ("lean.sql" if lean else "indexes.sql")
        return f"""
        {(SERVERS / "tables.sql").read_text()}
        {indexes.read_text()}
        insert into scopes select 'scope_' || n, 'Scope ' || n from generate_series(0, {SCOPES}) n;
        insert into resource_types
          select 'resource_type_' || n, 'k' || n, 'Type ' || n from generate_series(0, {TYPES - 1}) n;
        insert into tags select 'tag_' || n, 'Label ' || n from generate_series(0, {self.tags - 1}) n;
        insert into resources
          (id, resource_type_id, scope_id, external_resource_id, display_name, created_at, created_by)
          select {_OF_RESOURCE}, '{CREATED_AT}', '{CREATED_BY}' from generate_series(0, {self.resources - 1}) n;
        insert into resource_tags select {RESOURCE}, 'tag_' || {self._tag} from {self._taggings};
        """  # noqa: S608 - of constants and numbers

    @property
    def _taggings(self) -> str:
        return f"generate_series(0, {self.resources - 1}) n, generate_series(0, {self.tags_each - 1}) step"

    @property
    def _tag(self) -> str:
        return f"(n + 7 * step) % {self.tags}"


def resource_id(number: int) -> str:
    """Return the id of a resource by its number."""
    return f"resource_{number:07}"


def fill(server: PostgresServer, url: str, statements: str) -> None:
    """Run statements that fill a database, and leave it as a while of vacuuming would."""
    server.execute(f"set synchronous_commit = off; {statements}", url)
    server.execute("vacuum analyze", url)
