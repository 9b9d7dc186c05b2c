"""Part checksums: whether every part of an upload comes with its SHA-256.

Revision ID: 20261121e
Revises: 20261121d
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261121e"
down_revision = "20261121d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "upload_sessions",
        sa.Column("has_part_checksums", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("upload_sessions", "has_part_checksums")
