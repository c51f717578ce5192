"""Uploads: batches, what waits, and the references between resources."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    """Create the tables."""
    op.add_column(
        "resource_types", sa.Column("is_target", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("resource_types", sa.Column("reference_targets", sa.Text, nullable=True))
    op.create_table(
        "type_references",
        sa.Column("resource_type_id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("target_type_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("resource_type_id", "root_id", "target_type_id"),
    )
    op.create_index("type_references_target", "type_references", ["root_id", "target_type_id"])
    op.create_table(
        "resource_references",
        sa.Column("id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("source_id", NAME, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("target_type_id", NAME, nullable=False),
        sa.Column("target_external_id", NAME, nullable=False),
        sa.Column("target_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("root_id", "source_id", "id"),
    )
    op.create_index("resource_references_target", "resource_references", ["root_id", "target_id", "id"])
    op.create_table(
        "batches",
        sa.Column("id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("resource_type_id", NAME, nullable=False),
        sa.Column("type_key", sa.Text, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("on_conflict", sa.Text, nullable=False),
        sa.Column("ignore_unknown_fields", sa.Boolean, nullable=False),
        sa.Column("wait_s", sa.Integer, nullable=False),
        sa.Column("delete_all", sa.Boolean, nullable=False),
        sa.Column("cascade", sa.Boolean, nullable=False),
        sa.Column("started_at", NAME, nullable=True),
        sa.Column("completed_at", NAME, nullable=True),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", NAME, nullable=True),
        sa.Column("updated_by", sa.Text, nullable=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index("batches_completed_at", "batches", ["completed_at"], **_where("completed_at is not null"))
    op.create_index("batches_queue", "batches", ["turn", "id"], **_where("status = 'queued'"))
    op.create_index(
        "batches_queue_of_scope", "batches", ["root_id", "scope_id", "turn"], **_where("status = 'queued'")
    )
    op.create_index("batches_root", "batches", ["root_id", "id"])
    op.create_index("batches_scope", "batches", ["root_id", "scope_id", "id"])
    op.create_index("batches_type", "batches", ["root_id", "resource_type_id"])
    op.create_table(
        "batch_payloads",
        sa.Column("batch_id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "root_id"),
    )
    op.create_table(
        "batch_failures",
        sa.Column("id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("batch_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("record_index", sa.Integer, nullable=False),
        sa.Column("external_id", sa.Text, nullable=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("faults", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("root_id", "batch_id", "id"),
    )
    op.create_table(
        "waiting_records",
        sa.Column("id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("resource_type_id", NAME, nullable=False),
        sa.Column("external_id", NAME, nullable=False),
        sa.Column("patch", sa.Text, nullable=False),
        sa.Column("must_be_new", sa.Boolean, nullable=False),
        sa.Column("must_exist", sa.Boolean, nullable=False),
        sa.Column("expires_at", NAME, nullable=False),
        sa.Column("created_at", NAME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("due", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", "root_id"),
    )
    op.create_index("waiting_records_due", "waiting_records", ["id"], **_where("due"))
    op.create_index("waiting_records_expiry", "waiting_records", ["expires_at", "id"])
    op.create_index(
        "waiting_records_key",
        "waiting_records",
        ["root_id", "external_id", "scope_id", "resource_type_id"],
        unique=True,
    )
    op.create_index("waiting_records_scope", "waiting_records", ["root_id", "scope_id"])
    op.create_index("waiting_records_type", "waiting_records", ["root_id", "resource_type_id"])
    op.create_table(
        "waiting_stakes",
        sa.Column("waiting_id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("batch_id", NAME, nullable=False),
        sa.Column("record_index", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("root_id", "batch_id", "record_index"),
    )
    op.create_index("waiting_stakes_record", "waiting_stakes", ["waiting_id", "root_id"])
    op.create_table(
        "waiting_targets",
        sa.Column("waiting_id", NAME, nullable=False),
        sa.Column("root_id", NAME, nullable=False),
        sa.Column("scope_id", NAME, nullable=False),
        sa.Column("target_type_id", NAME, nullable=False),
        sa.Column("target_external_id", NAME, nullable=False),
        sa.PrimaryKeyConstraint("waiting_id", "root_id", "target_type_id", "target_external_id"),
    )
    op.create_index(
        "waiting_targets_target",
        "waiting_targets",
        ["root_id", "target_external_id", "scope_id", "target_type_id"],
    )
