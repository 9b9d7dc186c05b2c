"""The audit journal, which is only ever added to.

Revision ID: 20261121l
Revises: 20261121i
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "20261121l"
down_revision = "20261121k"
branch_labels = None
depends_on = None

# An update is refused whoever asks; a deletion passes only in a transaction that says from which time on it
# keeps everything, as `app.core.audit.retention` does.
GUARD = """
    CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.at < nullif(current_setting('holdfast.audit_purge_before', true), '')::timestamptz THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'audit_entries is only ever added to' USING ERRCODE = 'insufficient_privilege';
    END
    $$
"""


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("actor_kind IN ('user', 'api_key', 'system')", name=op.f("ck_audit_entries_actor_kind")),
        sa.CheckConstraint("result IN ('ok', 'rejected', 'denied')", name=op.f("ck_audit_entries_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    newest_first = [sa.text("at DESC"), sa.text("id DESC")]
    op.create_index("ix_audit_entries_at", "audit_entries", newest_first)
    for column in ("actor", "action", "file_id", "owner_id", "result"):
        op.create_index(f"ix_audit_entries_{column}", "audit_entries", [column, *newest_first])
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries"
        " FOR EACH ROW EXECUTE FUNCTION audit_entries_stay()"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay()"
    )


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION audit_entries_stay()")
