"""Listings: what they sort and search by, and an index for each filter and each order.

The new columns are computed by the database, for which it writes the table anew, once.

Revision ID: 20261121g
Revises: 20261121f
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from alembic import op

revision = "20261121g"
down_revision = "20261121f"
branch_labels = None
depends_on = None

TABLE = "file_uploads"
NEWEST_FIRST: list[ColumnElement[str]] = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]

# In one statement, since each would write the table anew.
COLUMNS = r"""
    ALTER TABLE file_uploads
        ADD COLUMN folder_path text COLLATE "C" NOT NULL
            GENERATED ALWAYS AS
            (CASE WHEN folder = '' THEN '' ELSE replace(folder, '/', E'\x01') || E'\x01' END) STORED,
        ADD COLUMN name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(filename)) STORED,
        ADD COLUMN size_key bigint NOT NULL GENERATED ALWAYS AS (coalesce(file_size, -1)) STORED,
        ADD COLUMN search_text text NOT NULL
            GENERATED ALWAYS AS (lower(upper(filename || E'\n' || coalesce(description, '')))) STORED
"""

# Some databases have no such extension, and some roles may not make one; a search then reads the owner's
# files in the order of the listing. Providers refuse it with error codes of their own, so any is told and
# passed over. The operator class is named with its schema, which need not be in the search path.
TRIGRAMS = """
DO $$
DECLARE
    home text;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'searches get no index, since pg_trgm can not be had: %', SQLERRM;
    END;
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format(
            'CREATE INDEX ix_file_uploads_search ON file_uploads USING gin (search_text %I.gin_trgm_ops)', home);
    END IF;
END
$$
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.create_index("ix_file_uploads_listing_name", TABLE, ["owner_id", "status", "name_key", "id"], unique=False)
    op.create_index("ix_file_uploads_listing_size", TABLE, ["owner_id", "status", "size_key", "id"], unique=False)
    op.create_index("ix_file_uploads_all_name", TABLE, ["status", "name_key", "id"], unique=False)
    op.create_index("ix_file_uploads_all_size", TABLE, ["status", "size_key", "id"], unique=False)
    op.drop_index("ix_file_uploads_folder", table_name=TABLE)
    op.create_index(
        "ix_file_uploads_folder",
        TABLE,
        ["owner_id", "status", "folder_path", *NEWEST_FIRST],
        unique=False,
        postgresql_include=["file_size", "expires_at"],
    )
    op.create_index(
        "ix_file_uploads_all_folder",
        TABLE,
        ["status", "folder_path", *NEWEST_FIRST],
        unique=False,
        postgresql_include=["file_size", "expires_at"],
    )
    op.create_index(
        "ix_file_uploads_content_type",
        TABLE,
        ["content_type", "owner_id", *NEWEST_FIRST],
        unique=False,
        postgresql_ops={"content_type": "text_pattern_ops"},
    )
    op.create_index("ix_file_uploads_public", TABLE, ["is_public", "owner_id", *NEWEST_FIRST], unique=False)
    op.create_index(
        "ix_file_uploads_metadata",
        TABLE,
        ["metadata"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    )
    op.execute(TRIGRAMS)


def downgrade() -> None:
    # The extension stays: others may have come to use it.
    op.drop_index("ix_file_uploads_search", table_name=TABLE, if_exists=True)
    op.drop_index("ix_file_uploads_metadata", table_name=TABLE)
    op.drop_index("ix_file_uploads_public", table_name=TABLE)
    op.drop_index("ix_file_uploads_content_type", table_name=TABLE)
    op.drop_index("ix_file_uploads_all_folder", table_name=TABLE)
    op.drop_index("ix_file_uploads_folder", table_name=TABLE)
    op.create_index(
        "ix_file_uploads_folder",
        TABLE,
        ["owner_id", "status", "folder", *NEWEST_FIRST],
        unique=False,
        postgresql_ops={"folder": "text_pattern_ops"},
    )
    op.drop_index("ix_file_uploads_all_size", table_name=TABLE)
    op.drop_index("ix_file_uploads_all_name", table_name=TABLE)
    op.drop_index("ix_file_uploads_listing_size", table_name=TABLE)
    op.drop_index("ix_file_uploads_listing_name", table_name=TABLE)
    for column in ("search_text", "size_key", "name_key", "folder_path"):
        op.drop_column(TABLE, column)
