"""Maintenance: jobs with their leases, the order of the bucket, quarantine, scrubbing.

Revision ID: 20261121h
Revises: 20261121g
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261121h"
down_revision = "20261121g"
branch_labels = None
depends_on = None

ROLES = ["'staging', 'content'", "'staging', 'content', 'quarantine', 'foreign'"]
STATES = ["'reserved', 'stored', 'removing', 'removed'", "'reserved', 'stored', 'removing', 'removed', 'lost'"]


def upgrade() -> None:
    op.create_table(
        "maintenance_jobs",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cursor", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("last_report", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_maintenance_jobs")),
    )
    op.add_column("stored_objects", sa.Column("scrubbed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stored_objects", sa.Column("original_key", sa.Text(), nullable=True))
    op.alter_column("stored_objects", "key", type_=sa.Text(collation="C"))
    say_one_of("role", ROLES[1])
    say_one_of("state", STATES[1])
    op.create_index(
        "ix_stored_objects_kept",
        "stored_objects",
        ["key"],
        unique=False,
        postgresql_where=sa.text("state <> 'removed'"),
    )
    op.create_index(
        "ix_stored_objects_scrub",
        "stored_objects",
        [sa.literal_column("coalesce(scrubbed_at, created_at)"), "id"],
        unique=False,
        postgresql_where=sa.text("state = 'stored' AND role = 'content'"),
    )
    op.create_index(
        "ix_stored_objects_quarantine",
        "stored_objects",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("role = 'quarantine'"),
    )
    op.create_index(
        "ix_file_uploads_deleted",
        "file_uploads",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_file_uploads_deleted", table_name="file_uploads")
    op.drop_index("ix_stored_objects_quarantine", table_name="stored_objects")
    op.drop_index("ix_stored_objects_scrub", table_name="stored_objects")
    op.drop_index("ix_stored_objects_kept", table_name="stored_objects")
    # What the older version has no word for: bytes aside are left to it as unknown, the lost as removed.
    op.execute("DELETE FROM stored_objects WHERE role IN ('quarantine', 'foreign')")
    op.execute("UPDATE stored_objects SET state = 'removed' WHERE state = 'lost'")
    say_one_of("state", STATES[0])
    say_one_of("role", ROLES[0])
    op.alter_column("stored_objects", "key", type_=sa.Text(collation="default"))
    op.drop_column("stored_objects", "original_key")
    op.drop_column("stored_objects", "scrubbed_at")
    op.drop_table("maintenance_jobs")


def say_one_of(column: str, words: str) -> None:
    name = op.f(f"ck_stored_objects_{column}")
    op.drop_constraint(name, "stored_objects", type_="check")
    op.create_check_constraint(name, "stored_objects", f"{column} IN ({words})")
