"""Files and objects: what users see, and what the bucket holds.

Revision ID: 20261121a
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261121a"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_objects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("version_id", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("sha256_kind", sa.Text(), nullable=True),
        sa.Column("storage_class", sa.Text(), server_default="STANDARD", nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('staging', 'content')", name=op.f("ck_stored_objects_role")),
        sa.CheckConstraint(
            "sha256_kind IN ('streamed', 'store', 'read', 'copied')", name=op.f("ck_stored_objects_sha256_kind")
        ),
        sa.CheckConstraint(
            "state IN ('reserved', 'stored', 'removing', 'removed')", name=op.f("ck_stored_objects_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_objects")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_objects_key")),
    )
    op.create_index(op.f("ix_stored_objects_file_id"), "stored_objects", ["file_id"], unique=False)
    op.create_index(
        "ix_stored_objects_unfinished",
        "stored_objects",
        ["lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('reserved', 'removing')"),
    )
    op.create_table(
        "file_uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), server_default="", nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rejection_code", sa.Text(), nullable=True),
        sa.Column("rejection_detail", sa.Text(), nullable=True),
        sa.Column("storage_class", sa.Text(), server_default="STANDARD", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("current_object_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'verifying', 'scanning', 'available', 'rejected', 'deleted')",
            name=op.f("ck_file_uploads_status"),
        ),
        sa.CheckConstraint("file_size >= 0", name=op.f("ck_file_uploads_file_size")),
        sa.ForeignKeyConstraint(
            ["current_object_id"], ["stored_objects.id"], name=op.f("fk_file_uploads_current_object_id_stored_objects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_uploads")),
    )
    op.create_index(
        "ix_file_uploads_all",
        "file_uploads",
        ["status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(op.f("ix_file_uploads_current_object_id"), "file_uploads", ["current_object_id"], unique=False)
    op.create_index(
        "ix_file_uploads_expires",
        "file_uploads",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_file_uploads_folder",
        "file_uploads",
        ["owner_id", "status", "folder", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_ops={"folder": "text_pattern_ops"},
    )
    op.create_index(
        "ix_file_uploads_listing",
        "file_uploads",
        ["owner_id", "status", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_file_uploads_listing", table_name="file_uploads")
    op.drop_index("ix_file_uploads_folder", table_name="file_uploads", postgresql_ops={"folder": "text_pattern_ops"})
    op.drop_index(
        "ix_file_uploads_expires", table_name="file_uploads", postgresql_where=sa.text("expires_at IS NOT NULL")
    )
    op.drop_index(op.f("ix_file_uploads_current_object_id"), table_name="file_uploads")
    op.drop_index("ix_file_uploads_all", table_name="file_uploads")
    op.drop_table("file_uploads")
    op.drop_index(
        "ix_stored_objects_unfinished",
        table_name="stored_objects",
        postgresql_where=sa.text("state IN ('reserved', 'removing')"),
    )
    op.drop_index(op.f("ix_stored_objects_file_id"), table_name="stored_objects")
    op.drop_table("stored_objects")
