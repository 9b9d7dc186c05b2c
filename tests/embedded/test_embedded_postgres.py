"""The cluster: made whole or not at all, and never as root."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import asyncpg
import pytest
from launchers import FAST, all_end, run_sql

from app.embedded import processes
from app.embedded.exceptions import EmbeddedError
from app.embedded.parts import embedded_parts
from app.embedded.state import read_state

pytestmark = pytest.mark.timeout(90)
NO_STORE = {"S3_BUCKET_NAME": "theirs"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root's way of running PostgreSQL")


@pytest.fixture
def reachable():
    """A folder that every account can enter, as /var/lib is."""
    folder = Path("/var/tmp") / f"holdfast-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed(tmp_path):
    """A data folder below one that only its owner may enter."""
    (tmp_path / "closed").mkdir(mode=0o700)
    return tmp_path / "closed" / "data"


def test_an_initdb_killed_half_way_is_done_again(launch, tmp_path):
    launcher = launch(tmp_path, environ=NO_STORE, wait=False)
    partial = tmp_path / "postgres" / "data.partial"
    assert processes.wait_for((partial / "postgresql.conf").exists, timeout_seconds=20)
    init_pid = int((tmp_path / "postgres-init.pid").read_text().split()[0])
    launcher.process.kill()
    os.kill(init_pid, 9)
    launcher.kill()
    assert all_end([init_pid])
    assert not (tmp_path / "postgres" / "data").exists()

    again = launch(tmp_path, environ=NO_STORE)

    assert run_sql(again.environment["DATABASE_URL"], "SELECT 1") == 1
    assert not partial.exists()


def test_a_pid_that_somebody_else_got_since_does_not_stop_the_start(tmp_path):
    """In a container the same small pids come back, and PostgreSQL would refuse to start."""
    with embedded_parts(tmp_path, NO_STORE, durable=False):
        kept = (tmp_path / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
    (tmp_path / "postgres" / "data" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *kept[1:], ""]))

    with embedded_parts(tmp_path, NO_STORE, durable=False) as parts:
        assert run_sql(parts.environment["DATABASE_URL"], "SELECT 1") == 1


def test_a_wrong_password_is_refused(tmp_path):
    with embedded_parts(tmp_path, NO_STORE, durable=False) as parts:
        url = parts.environment["DATABASE_URL"]
        password = read_state(tmp_path / "postgres.json")["password"]
        with pytest.raises(asyncpg.InvalidPasswordError):
            run_sql(url.replace(password, "guess"), "SELECT 1")
    assert stat.S_IMODE((tmp_path / "postgres.json").stat().st_mode) == 0o600


@as_root
def test_root_runs_it_in_a_user_namespace_below_a_closed_folder(closed):
    for _ in range(2):
        with embedded_parts(closed, NO_STORE, durable=False, root_methods=("namespace",)) as parts:
            assert run_sql(parts.environment["DATABASE_URL"], "SELECT 1") == 1
            pid = int((closed / "postgres.pid").read_text().split()[0])
            assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["1000", "0", "1"]
    assert stat.S_IMODE(closed.parent.stat().st_mode) == 0o700


@as_root
def test_root_without_namespaces_runs_it_as_another_account_below_a_closed_folder(closed, reachable):
    options = {"durable": False, "root_methods": ("account",), "shared_folders": (reachable,)}
    with embedded_parts(closed, NO_STORE, **options) as parts:
        run_sql(parts.environment["DATABASE_URL"], "CREATE TABLE note AS SELECT 'kept' AS text")
        pid = int((closed / "postgres.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid != 0

    # What worked is remembered: the default would try a namespace first, and find no data there.
    with embedded_parts(closed, NO_STORE, durable=False) as parts:
        assert run_sql(parts.environment["DATABASE_URL"], "SELECT text FROM note") == "kept"
    assert stat.S_IMODE(closed.parent.stat().st_mode) == 0o700


@as_root
def test_killing_the_launcher_ends_it_as_another_account_too(launch, closed, reachable):
    with embedded_parts(closed, NO_STORE, durable=False, root_methods=("account",), shared_folders=(reachable,)):
        pass
    launcher = launch(closed, *FAST, environ=NO_STORE)
    children = launcher.children

    launcher.kill()

    assert len(children) == 1
    assert all_end(children)


@as_root
def test_root_is_told_what_to_do_when_no_way_works(closed):
    with (
        pytest.raises(EmbeddedError, match="run as an ordinary user, or set DATABASE_URL"),
        embedded_parts(closed, NO_STORE, root_methods=("account",), shared_folders=(closed.parent,)),
    ):
        pass
    assert [path for path in closed.parent.iterdir() if path != closed] == []


@as_root
def test_data_that_is_gone_is_said_so_instead_of_starting_empty(closed, reachable):
    options = {"durable": False, "root_methods": ("account",), "shared_folders": (reachable,)}
    with embedded_parts(closed, NO_STORE, **options):
        pass
    for folder in reachable.iterdir():
        shutil.rmtree(folder)

    with pytest.raises(EmbeddedError, match="which is gone"), embedded_parts(closed, NO_STORE, **options):
        pass
