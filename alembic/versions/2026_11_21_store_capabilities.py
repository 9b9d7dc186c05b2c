"""What each store was seen to keep.

Revision ID: 20261121b
Revises: 20261121a
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261121b"
down_revision = "20261121a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_capabilities",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("capabilities", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_store_capabilities")),
    )


def downgrade() -> None:
    op.drop_table("store_capabilities")
