"""The catalogue, tokens and idempotency keys."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# Frozen with this migration: later changes of db.tables come with migrations of their own.
NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSON(), "postgresql")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "idempotency_keys",
        sa.Column("id", NAME, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "resource_types",
        sa.Column("id", NAME, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("plural_key", sa.Text, nullable=True),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("category", sa.Text, nullable=True),
        sa.Column("schema", JSON, nullable=True),
        sa.Column("external_id_field", sa.Text, nullable=True),
        sa.Column("display_name_path", sa.Text, nullable=True),
        sa.Column("schema_version", sa.Integer, nullable=True),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("key_folded", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index(
        "resource_types_key", "resource_types", ["root_id", "scope_id", "key_folded"], unique=True
    )
    op.create_index("resource_types_root", "resource_types", ["root_id", "id"])
    op.create_index("resource_types_scope", "resource_types", ["root_id", "scope_id", "id"])
    op.create_table(
        "resources",
        sa.Column("id", NAME, nullable=False),
        sa.Column("resource_type_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("external_resource_id", NAME, nullable=False),
        sa.Column("display_name", NAME, nullable=True),
        sa.Column("data", JSON, nullable=True),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index(
        "resources_key",
        "resources",
        ["root_id", "external_resource_id", "scope_id", "resource_type_id"],
        unique=True,
    )
    op.create_index(
        "resources_name", "resources", ["root_id", sa.text("coalesce(substr(display_name, 1, 64), '')"), "id"]
    )
    op.create_index("resources_root", "resources", ["root_id", "id"])
    op.create_index("resources_scope", "resources", ["root_id", "scope_id", "id"])
    op.create_index("resources_scope_type", "resources", ["root_id", "scope_id", "resource_type_id", "id"])
    op.create_index("resources_type", "resources", ["root_id", "resource_type_id", "id"])
    op.create_table(
        "scopes",
        sa.Column("id", NAME, nullable=False),
        sa.Column("parent_scope_id", NAME, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("external_id", NAME, nullable=True),
        sa.Column("meta", JSON, nullable=True),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("path", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index(
        "scopes_external_id",
        "scopes",
        ["root_id", "parent_scope_id", "external_id"],
        unique=True,
        **_where("external_id is not null and parent_scope_id is not null"),
    )
    op.create_index("scopes_parent", "scopes", ["root_id", "parent_scope_id", "id"])
    op.create_index("scopes_path", "scopes", ["path"], unique=True)
    op.create_index("scopes_root", "scopes", ["id"], unique=True, **_where("parent_scope_id is null"))
    op.create_index(
        "scopes_root_external_id",
        "scopes",
        ["external_id"],
        unique=True,
        **_where("external_id is not null and parent_scope_id is null"),
    )
    op.create_table(
        "tag_assignments",
        sa.Column("id", NAME, nullable=False),
        sa.Column("tag_id", NAME, nullable=False),
        sa.Column("resource_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("tag_group_id", NAME, nullable=False),
        sa.Column("resource_scope_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index(
        "tag_assignments_key", "tag_assignments", ["root_id", "tag_id", "resource_id"], unique=True
    )
    op.create_index(
        "tag_assignments_resource", "tag_assignments", ["root_id", "resource_id", "tag_group_id", "tag_id"]
    )
    op.create_index("tag_assignments_root", "tag_assignments", ["root_id", "id"])
    op.create_index("tag_assignments_scope", "tag_assignments", ["root_id", "scope_id", "id"])
    op.create_table(
        "tag_groups",
        sa.Column("id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("max_applied_per_target", sa.Integer, nullable=True),
        sa.Column("is_locked", sa.Boolean, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index("tag_groups_key", "tag_groups", ["root_id", "scope_id", "key"], unique=True)
    op.create_index("tag_groups_root", "tag_groups", ["root_id", "id"])
    op.create_index("tag_groups_scope", "tag_groups", ["root_id", "scope_id", "id"])
    op.create_table(
        "tags",
        sa.Column("id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("tag_group_id", NAME, nullable=False),
        sa.Column("identifier", NAME, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index("tags_group", "tags", ["root_id", "tag_group_id", "id"])
    op.create_index("tags_key", "tags", ["root_id", "tag_group_id", "identifier"], unique=True)
    op.create_index("tags_root", "tags", ["root_id", "id"])
    op.create_index("tags_scope", "tags", ["root_id", "scope_id", "id"])
    op.create_table(
        "tokens",
        sa.Column("id", NAME, nullable=False),
        sa.Column("hash", NAME, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("expires_at", NAME, nullable=True),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index("tokens_hash", "tokens", ["hash"], unique=True)
    op.create_index("tokens_scope", "tokens", ["root_id", "scope_id"])
