"""Grants: files opened to others.

Revision ID: 20261121j
Revises: 20261121i
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261121j"
down_revision = "20261121i"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_grants",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("grantee_kind", sa.Text(), nullable=False),
        sa.Column("grantee", sa.Text(collation="C"), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("grantee_kind IN ('user', 'group')", name=op.f("ck_file_grants_grantee_kind")),
        sa.CheckConstraint("access IN ('read', 'write')", name=op.f("ck_file_grants_access")),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["file_uploads.id"],
            name=op.f("fk_file_grants_file_id_file_uploads"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("file_id", "grantee_kind", "grantee", name=op.f("pk_file_grants")),
    )
    op.create_index("ix_file_grants_grantee", "file_grants", ["grantee_kind", "grantee", "file_id"], unique=False)


def downgrade() -> None:
    op.drop_table("file_grants")
