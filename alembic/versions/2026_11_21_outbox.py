"""The outbox: what must happen after a commit.

Revision ID: 20261121f
Revises: 20261121e
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261121f"
down_revision = "20261121e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim_token", sa.Uuid(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at", "id"], unique=False)
    op.create_index("ix_outbox_subject", "outbox", ["subject", "id"], unique=False)
    op.execute(
        "INSERT INTO outbox (topic, subject, payload, due_at)"
        " SELECT 'object.remove', file_id, jsonb_build_object('object_id', id, 'may_be_multipart', true),"
        " coalesce(lease_expires_at, now()) FROM stored_objects WHERE state = 'removing'"
    )
    op.execute(
        "INSERT INTO outbox (topic, subject) SELECT 'upload.verify', id FROM file_uploads WHERE status = 'verifying'"
    )
    op.drop_index("ix_stored_objects_unfinished", table_name="stored_objects")
    op.create_index(
        "ix_stored_objects_reserved",
        "stored_objects",
        ["lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'reserved'"),
    )


def downgrade() -> None:
    op.drop_index("ix_stored_objects_reserved", table_name="stored_objects")
    op.create_index(
        "ix_stored_objects_unfinished",
        "stored_objects",
        ["lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('reserved', 'removing')"),
    )
    op.execute(
        "UPDATE stored_objects SET lease_token = NULL, lease_expires_at = coalesce("
        "(SELECT min(due_at) FROM outbox WHERE payload->>'object_id' = stored_objects.id::text), now())"
        " WHERE state = 'removing'"
    )
    op.drop_table("outbox")
