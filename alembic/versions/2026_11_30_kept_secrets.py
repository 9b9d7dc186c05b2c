"""Random secrets that all processes share; each is made by the first process that needs it.

Revision ID: 20261130e
Revises: 20261121l
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261130e"
down_revision = "20261121l"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_secrets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("octet_length(value) >= 32", name=op.f("ck_kept_secrets_value_is_long")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kept_secrets")),
    )


def downgrade() -> None:
    op.drop_table("kept_secrets")
