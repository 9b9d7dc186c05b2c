"""Upload sessions: what clients declared of files that they send to the store themselves.

Revision ID: 20261121c
Revises: 20261121b
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261121c"
down_revision = "20261121b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upload_sessions",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("declared_bytes", sa.BigInteger(), nullable=False),
        sa.Column("declared_sha256", sa.Text(), nullable=True),
        sa.Column("part_bytes", sa.BigInteger(), nullable=True),
        sa.Column("url_ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("method IN ('put', 'post', 'multipart')", name=op.f("ck_upload_sessions_method")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["file_uploads.id"], name=op.f("fk_upload_sessions_file_id_file_uploads"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["object_id"], ["stored_objects.id"], name=op.f("fk_upload_sessions_object_id_stored_objects")
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_upload_sessions")),
    )
    op.create_index(op.f("ix_upload_sessions_object_id"), "upload_sessions", ["object_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_upload_sessions_object_id"), table_name="upload_sessions")
    op.drop_table("upload_sessions")
