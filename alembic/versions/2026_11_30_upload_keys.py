"""Which API key began an upload: with its end the upload ends, too.

Revision ID: 20261130n
Revises: 20261130e
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261130n"
down_revision = "20261130e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No foreign key: old keys are forgotten, and a forgotten key is one that has ended.
    op.add_column("upload_sessions", sa.Column("key_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("upload_sessions", "key_id")
