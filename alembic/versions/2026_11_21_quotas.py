"""Quotas: what each owner has, kept true by triggers, and the one function that lets it have more.

All writers are kept out first, until the transaction ends: what is counted here and what the triggers
count from then on is everything, once.

Revision ID: 20261121k
Revises: 20261121i
"""

from __future__ import annotations

import sqlalchemy as sa

from alembic import op

revision = "20261121k"
down_revision = "20261121j"
branch_labels = None
depends_on = None

COUNTERS = ("bytes", "files", "reserved_bytes", "reserved_files")

NOTE_FILE = """
CREATE FUNCTION note_file_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status IN ('available', 'deleted') THEN
        INSERT INTO usage_changes (owner_id, bytes, files)
        VALUES (OLD.owner_id, -coalesce(OLD.file_size, 0), -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status IN ('available', 'deleted') THEN
        INSERT INTO usage_changes (owner_id, bytes, files)
        VALUES (NEW.owner_id, coalesce(NEW.file_size, 0), 1);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.owner_id <> OLD.owner_id THEN
        -- What is still being written for the file is the new owner's, too.
        UPDATE stored_objects SET held_for = NEW.owner_id
         WHERE file_id = NEW.id AND state = 'reserved' AND held_for IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$
"""

NOTE_OBJECT = """
CREATE FUNCTION note_object_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.state = 'reserved' AND OLD.held_for IS NOT NULL THEN
        INSERT INTO usage_changes (owner_id, reserved_bytes, reserved_files)
        VALUES (OLD.held_for, -OLD.held_bytes, -OLD.held_files);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = 'reserved' AND NEW.held_for IS NOT NULL THEN
        INSERT INTO usage_changes (owner_id, reserved_bytes, reserved_files)
        VALUES (NEW.held_for, NEW.held_bytes, NEW.held_files);
    END IF;
    RETURN NULL;
END
$$
"""

# Rows that another transaction is summing up are left to it: nobody ever waits for them.
SUM_UP = """
CREATE FUNCTION sum_up_usage(whose text) RETURNS void LANGUAGE sql AS $$
    WITH chosen AS (
        SELECT id FROM usage_changes WHERE owner_id = whose FOR UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM usage_changes WHERE owner_id = whose AND id IN (SELECT id FROM chosen)
        RETURNING bytes, files, reserved_bytes, reserved_files
    )
    INSERT INTO owner_usage AS known (owner_id, bytes, files, reserved_bytes, reserved_files)
    SELECT whose, sum(bytes), sum(files), sum(reserved_bytes), sum(reserved_files) FROM taken HAVING count(*) > 0
    ON CONFLICT (owner_id) DO UPDATE
       SET bytes = known.bytes + excluded.bytes,
           files = known.files + excluded.files,
           reserved_bytes = known.reserved_bytes + excluded.reserved_bytes,
           reserved_files = known.reserved_files + excluded.reserved_files
$$
"""

# The greatest bigint stands for "no limit"; NULL for the one that the settings give, where NULL is none.
HOLD = """
CREATE FUNCTION hold_quota(
    owner text, more_bytes bigint, more_files bigint, usual_max_bytes bigint, usual_max_files bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    unlimited CONSTANT bigint := 9223372036854775807;
    known owner_usage;
    most_bytes bigint;
    most_files bigint;
    used_bytes numeric;
    used_files numeric;
    changes bigint;
BEGIN
    SELECT * INTO known FROM owner_usage WHERE owner_id = owner;
    IF coalesce(known.max_bytes, usual_max_bytes, unlimited) = unlimited
       AND coalesce(known.max_files, usual_max_files, unlimited) = unlimited THEN
        RETURN more_bytes;
    END IF;
    IF known.owner_id IS NULL THEN
        INSERT INTO owner_usage (owner_id) VALUES (owner) ON CONFLICT DO NOTHING;
    END IF;
    -- One at a time from here to the end of the transaction.
    PERFORM FROM owner_usage WHERE owner_id = owner FOR UPDATE;
    -- A statement of its own, which sees what was committed while this one waited.
    SELECT coalesce(u.max_bytes, usual_max_bytes, unlimited), coalesce(u.max_files, usual_max_files, unlimited),
           u.bytes + u.reserved_bytes + coalesce(c.bytes, 0), u.files + u.reserved_files + coalesce(c.files, 0),
           c.changes
      INTO most_bytes, most_files, used_bytes, used_files, changes
      FROM owner_usage u, (
        SELECT sum(bytes + reserved_bytes) AS bytes, sum(files + reserved_files) AS files, count(*) AS changes
          FROM usage_changes WHERE owner_id = owner
      ) c
     WHERE u.owner_id = owner;
    IF more_bytes > 0 AND used_bytes + more_bytes > most_bytes THEN
        RAISE EXCEPTION 'the quota of bytes is used up' USING ERRCODE = 'Q0001';
    END IF;
    IF more_files > 0 AND used_files + more_files > most_files THEN
        RAISE EXCEPTION 'the quota of files is used up' USING ERRCODE = 'Q0002';
    END IF;
    IF changes >= 100 THEN
        PERFORM sum_up_usage(owner);
    END IF;
    RETURN more_bytes;
END
$$
"""

# Only what changes a sum calls a function: renewing a lease, moving a file or hiding it doesn't.
TRIGGERS = """
CREATE TRIGGER file_usage_new AFTER INSERT ON file_uploads
    FOR EACH ROW WHEN (NEW.status IN ('available', 'deleted'))
    EXECUTE FUNCTION note_file_usage();
CREATE TRIGGER file_usage_gone AFTER DELETE ON file_uploads
    FOR EACH ROW WHEN (OLD.status IN ('available', 'deleted'))
    EXECUTE FUNCTION note_file_usage();
CREATE TRIGGER file_usage_other AFTER UPDATE OF owner_id, status, file_size ON file_uploads
    FOR EACH ROW WHEN (
        (OLD.status IN ('available', 'deleted')) <> (NEW.status IN ('available', 'deleted'))
        OR (NEW.status IN ('available', 'deleted') AND OLD.file_size IS DISTINCT FROM NEW.file_size)
        OR OLD.owner_id <> NEW.owner_id
    ) EXECUTE FUNCTION note_file_usage();
CREATE TRIGGER object_usage_new AFTER INSERT ON stored_objects
    FOR EACH ROW WHEN (NEW.state = 'reserved' AND NEW.held_for IS NOT NULL)
    EXECUTE FUNCTION note_object_usage();
CREATE TRIGGER object_usage_gone AFTER DELETE ON stored_objects
    FOR EACH ROW WHEN (OLD.state = 'reserved' AND OLD.held_for IS NOT NULL)
    EXECUTE FUNCTION note_object_usage();
CREATE TRIGGER object_usage_other AFTER UPDATE OF state, held_for, held_bytes, held_files ON stored_objects
    FOR EACH ROW WHEN (
        (OLD.state = 'reserved') <> (NEW.state = 'reserved')
        OR (OLD.held_for, OLD.held_bytes, OLD.held_files)
           IS DISTINCT FROM (NEW.held_for, NEW.held_bytes, NEW.held_files)
    ) EXECUTE FUNCTION note_object_usage()
"""
FUNCTIONS = {"note_file_usage": NOTE_FILE, "note_object_usage": NOTE_OBJECT, "sum_up_usage": SUM_UP, "hold_quota": HOLD}

# The triggers write down what these hold. How large an upload through the service is, nobody knows here.
HOLD_PENDING = """
UPDATE stored_objects SET held_for = first.owner_id, held_bytes = coalesce(first.file_size, 0), held_files = 1
  FROM (
    SELECT DISTINCT ON (o.file_id) o.id, f.owner_id, f.file_size
      FROM stored_objects o JOIN file_uploads f ON f.id = o.file_id
     WHERE o.state = 'reserved' AND f.status IN ('pending', 'verifying', 'scanning')
     ORDER BY o.file_id, o.created_at
  ) first
 WHERE stored_objects.id = first.id
"""
COUNT_FILES = """
INSERT INTO owner_usage (owner_id, bytes, files)
SELECT owner_id, coalesce(sum(file_size), 0), count(*) FROM file_uploads
 WHERE status IN ('available', 'deleted') GROUP BY owner_id
"""


def upgrade() -> None:
    # In the order in which the service takes them.
    op.execute("LOCK TABLE file_uploads IN SHARE ROW EXCLUSIVE MODE")
    op.add_column("stored_objects", sa.Column("held_for", sa.Text(), nullable=True))
    op.add_column("stored_objects", sa.Column("held_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("stored_objects", sa.Column("held_files", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "owner_usage",
        sa.Column("owner_id", sa.Text(), nullable=False),
        *counters(),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("max_files", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_owner_usage")),
    )
    op.create_table(
        "usage_changes",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *counters(),
        sa.PrimaryKeyConstraint("owner_id", "id", name=op.f("pk_usage_changes")),
    )
    for statement in (*FUNCTIONS.values(), *TRIGGERS.split(";")):
        op.execute(statement)
    op.execute(COUNT_FILES)
    op.execute(HOLD_PENDING)


def downgrade() -> None:
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function} CASCADE")  # with their triggers
    op.drop_table("usage_changes")
    op.drop_table("owner_usage")
    for column in ("held_files", "held_bytes", "held_for"):
        op.drop_column("stored_objects", column)


def counters() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in COUNTERS]
