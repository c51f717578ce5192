"""The tables. Keys are (id, root_id): an id is unique within its root scope, never a sequence.

Bulk tables carry no row-level foreign keys (they double the price of an insert on PostgreSQL): references are checked
set-wise in the write's own transaction. Times are RFC 3339 texts in UTC and whole seconds, which sort as they read.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()

# Ids and keys compare as bytes in both databases.
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# Stored as it was written (not jsonb), so that a client reads back its own order of members and its own numbers.
Json = Text().with_variant(postgresql.JSON(), "postgresql")


def _required(name: str) -> Column[Any]:
    return Column(name, Name, nullable=False)


def _optional(name: str) -> Column[Any]:
    return Column(name, Name, nullable=True)


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=True, info={"json": True})


def _stamps(*, who_first: bool = False) -> list[Column[Any]]:
    """Return the columns that one command sets to the same value in every row it creates."""
    created = [
        Column("created_at", Name, nullable=False),
        Column("created_by", Text, nullable=False),
    ]
    return [
        *(reversed(created) if who_first else created),
        Column("updated_at", Name, nullable=True),
        Column("updated_by", Text, nullable=True),
        Column("revision", Text, nullable=False),
        Column("root_id", Name, nullable=False),
    ]


def _key() -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint("id", "root_id")


def _unique(name: str, *columns: str, **kw: Any) -> Index:
    return Index(name, *columns, unique=True, **kw)


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


scopes = Table(
    "scopes",
    metadata,
    _required("id"),
    _optional("parent_scope_id"),
    Column("name", Text, nullable=False),
    _optional("external_id"),
    _json("meta"),
    *_stamps(),
    # The random keys of the scope and those above it, each ended by a slash: a subtree is a range of paths. Keys are
    # drawn anew for a scope that is made again under an old id, so a reach that was granted to the old one is void.
    _required("path"),
    _key(),
    _unique("scopes_path", "path"),
    Index("scopes_parent", "root_id", "parent_scope_id", "id"),
    _unique(
        "scopes_external_id",
        "root_id",
        "parent_scope_id",
        "external_id",
        **_where("external_id is not null and parent_scope_id is not null"),
    ),
    _unique(
        "scopes_root_external_id",
        "external_id",
        **_where("external_id is not null and parent_scope_id is null"),
    ),
    _unique("scopes_root", "id", **_where("parent_scope_id is null")),
)

resource_types = Table(
    "resource_types",
    metadata,
    _required("id"),
    Column("name", Text, nullable=False),
    _required("key"),
    _required("scope_id"),
    Column("plural_key", Text, nullable=True),
    Column("description", Text, nullable=True),
    Column("category", Text, nullable=True),
    _json("schema"),
    Column("external_id_field", Text, nullable=True),
    Column("display_name_path", Text, nullable=True),
    Column("schema_version", Integer, nullable=True),
    *_stamps(),
    _required("key_folded"),
    # Whether the schema of some type refers to it: only its resources can be waited for.
    Column("is_target", Boolean, nullable=False, server_default=false()),
    # Which type each `$ref` of the schema means, as JSON: read together with the schema, of one version.
    Column("reference_targets", Text, nullable=True),
    _key(),
    _unique("resource_types_key", "root_id", "scope_id", "key_folded"),
    Index("resource_types_scope", "root_id", "scope_id", "id"),
    Index("resource_types_root", "root_id", "id"),
)

resources = Table(
    "resources",
    metadata,
    _required("id"),
    _required("resource_type_id"),
    _required("scope_id"),
    _required("external_resource_id"),
    _optional("display_name"),
    _json("data"),
    *_stamps(),
    _key(),
    # The external id comes before the scope, so that this index also finds it anywhere in a root.
    _unique("resources_key", "root_id", "external_resource_id", "scope_id", "resource_type_id"),
    Index("resources_scope", "root_id", "scope_id", "id"),
    Index("resources_scope_type", "root_id", "scope_id", "resource_type_id", "id"),
    Index("resources_type", "root_id", "resource_type_id", "id"),
    Index("resources_root", "root_id", "id"),
)

# A name can be longer than an index takes: its beginning is what a search by prefix goes by.
NAME_START_CHARACTERS = 64


def name_start(table: Any) -> ColumnElement[str]:
    """Return the beginning of a name, as the index has it; with literals, since an index knows no parameters."""
    start = func.substr(table.c.display_name, literal_column("1"), literal_column(str(NAME_START_CHARACTERS)))
    return func.coalesce(start, literal_column("''"))


Index("resources_name", resources.c.root_id, name_start(resources), resources.c.id)

# Which types a type's schema refers to, for who asks from the other end.
type_references = Table(
    "type_references",
    metadata,
    _required("resource_type_id"),
    _required("root_id"),
    _required("target_type_id"),
    PrimaryKeyConstraint("resource_type_id", "root_id", "target_type_id"),
    Index("type_references_target", "root_id", "target_type_id"),
)

# The values of the `$ref` fields of stored data: every one has its target.
resource_references = Table(
    "resource_references",
    metadata,
    # The source's id and the path, so that a page of either end's references is a range of an index.
    _required("id"),
    _required("root_id"),
    _required("source_id"),
    Column("path", Text, nullable=False),
    _required("target_type_id"),
    _required("target_external_id"),
    _required("target_id"),
    _required("scope_id"),
    PrimaryKeyConstraint("root_id", "source_id", "id"),
    Index("resource_references_target", "root_id", "target_id", "id"),
)

tag_groups = Table(
    "tag_groups",
    metadata,
    _required("id"),
    _required("scope_id"),
    _required("key"),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("max_applied_per_target", Integer, nullable=True),
    Column("is_locked", Boolean, nullable=False),
    *_stamps(),
    _key(),
    _unique("tag_groups_key", "root_id", "scope_id", "key"),
    Index("tag_groups_scope", "root_id", "scope_id", "id"),
    Index("tag_groups_root", "root_id", "id"),
)

tags = Table(
    "tags",
    metadata,
    _required("id"),
    _required("scope_id"),
    _required("tag_group_id"),
    _required("identifier"),
    Column("label", Text, nullable=False),
    *_stamps(who_first=True),
    _key(),
    _unique("tags_key", "root_id", "tag_group_id", "identifier"),
    Index("tags_group", "root_id", "tag_group_id", "id"),
    Index("tags_scope", "root_id", "scope_id", "id"),
    Index("tags_root", "root_id", "id"),
)

tag_assignments = Table(
    "tag_assignments",
    metadata,
    _required("id"),
    _required("tag_id"),
    _required("resource_id"),
    _required("scope_id"),
    *_stamps(),
    # What the tag and the resource can't change, kept here so that counts and reach need no join.
    _required("tag_group_id"),
    _required("resource_scope_id"),
    _key(),
    _unique("tag_assignments_key", "root_id", "tag_id", "resource_id"),
    # With the tag, though nobody seeks it here: SQLite would else take an index that has all, and go through a root.
    Index("tag_assignments_resource", "root_id", "resource_id", "tag_group_id", "tag_id"),
    Index("tag_assignments_scope", "root_id", "scope_id", "id"),
    Index("tag_assignments_root", "root_id", "id"),
)

tokens = Table(
    "tokens",
    metadata,
    _required("id"),
    _required("hash"),
    _required("subject"),
    _required("role"),
    _required("scope_id"),
    _required("root_id"),
    Column("expires_at", Name, nullable=True),
    Column("created_at", Name, nullable=False),
    Column("created_by", Text, nullable=False),
    _key(),
    _unique("tokens_hash", "hash"),
    Index("tokens_scope", "root_id", "scope_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Of the caller (root, subject, tenant) and its key, hashed: one column, however long they are.
    Column("id", Name, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Name, nullable=False),
    Index("idempotency_keys_created_at", "created_at"),
)

# An accepted upload. Its records are beside it, so that a list of batches doesn't read them.
batches = Table(
    "batches",
    metadata,
    _required("id"),
    _required("scope_id"),
    _required("resource_type_id"),
    Column("type_key", Text, nullable=False),
    _required("kind"),
    _required("status"),
    Column("total", Integer, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("on_conflict", Text, nullable=False),
    Column("ignore_unknown_fields", Boolean, nullable=False),
    Column("wait_s", Integer, nullable=False),
    Column("delete_all", Boolean, nullable=False),
    Column("cascade", Boolean, nullable=False),
    Column("started_at", Name, nullable=True),
    Column("completed_at", Name, nullable=True),
    # Its place in the queue: tenants take turns, however much one of them has queued.
    Column("turn", Integer, nullable=False),
    *_stamps(),
    _key(),
    Index("batches_queue", "turn", "id", **_where("status = 'queued'")),
    Index("batches_queue_of_scope", "root_id", "scope_id", "turn", **_where("status = 'queued'")),
    Index("batches_scope", "root_id", "scope_id", "id"),
    Index("batches_root", "root_id", "id"),
    Index("batches_type", "root_id", "resource_type_id"),
    Index("batches_completed_at", "completed_at", **_where("completed_at is not null")),
)

batch_payloads = Table(
    "batch_payloads",
    metadata,
    _required("batch_id"),
    _required("root_id"),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("batch_id", "root_id"),
)

# The records of a batch that came to nothing, each with its faults.
batch_failures = Table(
    "batch_failures",
    metadata,
    _required("id"),
    _required("root_id"),
    _required("batch_id"),
    _required("scope_id"),
    Column("record_index", Integer, nullable=False),
    Column("external_id", Text, nullable=True),
    Column("code", Text, nullable=False),
    Column("faults", Text, nullable=False),
    PrimaryKeyConstraint("root_id", "batch_id", "id"),
)

# A record whose references have no targets yet; what is to be merged into what is stored then.
waiting_records = Table(
    "waiting_records",
    metadata,
    _required("id"),
    _required("root_id"),
    _required("scope_id"),
    _required("resource_type_id"),
    _required("external_id"),
    Column("patch", Text, nullable=False),
    Column("must_be_new", Boolean, nullable=False),
    Column("must_exist", Boolean, nullable=False),
    Column("expires_at", Name, nullable=False),
    Column("created_at", Name, nullable=False),
    Column("created_by", Text, nullable=False),
    # Whether something that it waits for has come, or those that it waits for may wait for it.
    Column("due", Boolean, nullable=False),
    _key(),
    _unique("waiting_records_key", "root_id", "external_id", "scope_id", "resource_type_id"),
    Index("waiting_records_due", "id", **_where("due")),
    Index("waiting_records_expiry", "expires_at", "id"),
    Index("waiting_records_scope", "root_id", "scope_id"),
    Index("waiting_records_type", "root_id", "resource_type_id"),
)

# Which records of which batches share the fate of a waiting record: those that were merged into it.
waiting_stakes = Table(
    "waiting_stakes",
    metadata,
    _required("waiting_id"),
    _required("root_id"),
    _required("batch_id"),
    Column("record_index", Integer, nullable=False),
    PrimaryKeyConstraint("root_id", "batch_id", "record_index"),
    Index("waiting_stakes_record", "waiting_id", "root_id"),
)

# What a waiting record waits for.
waiting_targets = Table(
    "waiting_targets",
    metadata,
    _required("waiting_id"),
    _required("root_id"),
    _required("scope_id"),
    _required("target_type_id"),
    _required("target_external_id"),
    PrimaryKeyConstraint("waiting_id", "root_id", "target_type_id", "target_external_id"),
    Index("waiting_targets_target", "root_id", "target_external_id", "scope_id", "target_type_id"),
)
