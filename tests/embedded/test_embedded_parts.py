"""The embedded parts, started and killed for real."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess

import pytest
from botocore.exceptions import ClientError
from dotenv import dotenv_values
from launchers import FAST, all_end, assert_something_is_there, bucket, is_alive, put_something, run_sql

from app.embedded.exceptions import PartFailedError, PartMissingError
from app.embedded.parts import embedded_parts
from app.embedded.postgres_home import installed_programs
from app.embedded.processes import wait_for

pytestmark = pytest.mark.timeout(90)
STRAY = {
    "AWS_PROFILE": "nowhere",
    "AWS_ACCESS_KEY_ID": "AKIAELSEWHERE",
    "AWS_SECRET_ACCESS_KEY": "elsewhere",
    "AWS_SESSION_TOKEN": "elsewhere",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_CONFIG_FILE": "/nowhere/config",
    "AWS_CA_BUNDLE": "/nowhere/bundle",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "S3_ACCESS_KEY_ID": "AKIAELSEWHERE",
    "S3_SESSION_TOKEN": "elsewhere",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "PGSSLMODE": "require",
    "PGHOST": "elsewhere",
}


def test_a_restart_keeps_data_key_password_and_ports(launch, tmp_path):
    first = launch(tmp_path / "data")
    put_something(first.environment)
    assert run_sql(first.environment["DATABASE_URL"], "SHOW fsync") == "on"
    first.stop()

    second = launch(tmp_path / "data")

    assert second.environment == first.environment
    assert_something_is_there(second.environment)


def test_parts_of_a_test_run_start_and_stop_inside_one_process(tmp_path):
    with embedded_parts(tmp_path, {}, durable=False, persist_store=False) as parts:
        put_something(parts.environment)
        assert_something_is_there(parts.environment)
        assert run_sql(parts.environment["DATABASE_URL"], "SHOW fsync") == "off"
        pids = [int((tmp_path / name).read_text().split()[0]) for name in ("postgres.pid", "store.pid")]

    assert not any(is_alive(pid) for pid in pids)


def test_the_database_collates_as_c_utf8_and_holds_all_of_unicode(running):
    environment = running.environment

    locale = "SELECT datlocale FROM pg_database WHERE datname = current_database()"
    assert run_sql(environment["DATABASE_URL"], locale) == "C.UTF-8"
    assert run_sql(environment["DATABASE_URL"], "SELECT upper('ünïcode 文件')") == "ÜNÏCODE 文件"


def test_signatures_are_checked(running):
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        bucket(running.environment, secret="not-the-secret").put_object(Bucket="holdfast", Key="x", Body=b"x")


def test_killing_the_launcher_alone_leaves_no_child(launch, tmp_path):
    launcher = launch(tmp_path, *FAST)
    children = launcher.children
    assert len(children) == 2

    launcher.kill()

    assert all_end(children)


def test_a_client_that_stays_connected_does_not_keep_the_database_alive(launch, tmp_path):
    """PostgreSQL's answer to SIGTERM is to wait for its clients; it must not be asked that way."""
    launcher = launch(tmp_path, *FAST)
    children = launcher.children
    url = launcher.environment["DATABASE_URL"]
    client = subprocess.Popen(
        [installed_programs() / "psql", url, "-c", "SELECT pg_sleep(60)"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    assert wait_for(lambda: run_sql(url, sleeping) == 1, timeout_seconds=10)

    launcher.kill()

    assert all_end(children)
    client.wait(10)


@pytest.mark.parametrize("victims", ["launcher", "everything"])
def test_a_start_right_after_a_kill_finds_all_data(launch, tmp_path, victims):
    killed = launch(tmp_path)
    put_something(killed.environment)
    children = killed.children

    if victims == "everything":
        for pid in children:
            os.kill(pid, signal.SIGKILL)
    killed.kill()
    again = launch(tmp_path)

    assert not again.error
    assert_something_is_there(again.environment)
    assert again.environment["DATABASE_URL"] == killed.environment["DATABASE_URL"]
    assert again.environment["S3_ENDPOINT_URL"] == killed.environment["S3_ENDPOINT_URL"]


def test_the_terminals_interrupt_does_not_reach_the_parts(running):
    assert all(os.getsid(pid) == pid for pid in running.children)


def test_a_second_launcher_on_the_folder_is_refused_and_told_who_holds_it(launch, running):
    second = launch(running.data_dir)

    assert f"in use by process {running.process.pid}:" in second.error
    assert second.process.returncode == 1
    assert all(is_alive(pid) for pid in running.children)


def test_service_env_is_private_and_read_alike_by_a_shell_and_by_dotenv(running):
    path = running.data_dir / "service.env"
    names = [*(name for name in running.environment if name.startswith(("S3_", "DATABASE_"))), "S3_KEY_PREFIX"]
    script = f". {path}; " + "".join(f'printf "%s\\n" "${name}";' for name in names)

    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    expected = [(running.environment | {"S3_KEY_PREFIX": "it's/€"})[name] for name in names]
    assert shell == expected
    assert [dotenv_values(path)[name] for name in names] == expected
    assert dotenv_values(path)["HOLDFAST_PID"] == str(running.process.pid)
    assert dotenv_values(path)["HOLDFAST_PORT"] == "8000"


def test_nothing_in_the_shell_leads_elsewhere(launch, tmp_path):
    launcher = launch(tmp_path, *FAST, environ=STRAY)

    assert not launcher.error
    assert launcher.environment["S3_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    put_something(launcher.environment)


def test_what_the_app_sees_is_free_of_other_stores(tmp_path):
    with embedded_parts(tmp_path, STRAY, durable=False, persist_store=False) as parts:
        environ = dict(STRAY)
        parts.apply(environ)

    left = {name: value for name, value in environ.items() if name.startswith(("AWS_", "PG"))}
    assert left == {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    assert "S3_SESSION_TOKEN" not in environ
    assert environ["no_proxy"] == "127.0.0.1"
    assert environ["S3_ACCESS_KEY_ID"] != "AKIAELSEWHERE"


def test_an_own_database_starts_only_the_store(tmp_path):
    with embedded_parts(tmp_path, {"DATABASE_URL": "postgresql://elsewhere/app", "PGSSLMODE": "require"}) as parts:
        assert (parts.embedded_database, parts.embedded_store) == (False, True)
        assert "DATABASE_URL" not in parts.environment
        assert "PGSSLMODE" not in parts.removed
        assert not (tmp_path / "postgres").exists()
        assert dotenv_values(tmp_path / "service.env")["DATABASE_URL"] == "postgresql://elsewhere/app"


def test_an_own_bucket_starts_only_the_database_and_keeps_the_aws_variables(tmp_path):
    with embedded_parts(tmp_path, {"S3_BUCKET_NAME": "theirs", "AWS_PROFILE": "theirs"}, durable=False) as parts:
        assert (parts.embedded_database, parts.embedded_store) == (True, False)
        assert list(parts.environment) == ["DATABASE_URL"]
        assert parts.removed == ()
        assert dotenv_values(tmp_path / "service.env")["S3_BUCKET_NAME"] == "theirs"


def test_a_command_attaches_to_running_parts_and_leaves_them_running(launch, running):
    command = launch(running.data_dir, kind="attached", environ={"S3_KEY_PREFIX": "wrong", "AWS_PROFILE": "nowhere"})
    command.stop()

    assert command.said["attached"]
    seen = {name: value for name, value in command.environment.items() if name.startswith(("S3_", "DATABASE_"))}
    own = {name: value for name, value in running.environment.items() if name.startswith(("S3_", "DATABASE_"))}
    assert seen == own | {"S3_KEY_PREFIX": "it's/€"}
    assert all(is_alive(pid) for pid in running.children)


def test_a_command_waits_for_a_launcher_that_is_still_starting(launch, tmp_path):
    service = launch(tmp_path, *FAST, wait=False)
    assert wait_for((tmp_path / "lock").exists, timeout_seconds=10)

    command = launch(tmp_path, kind="attached")

    assert command.said["attached"]
    assert service.wait_ready().environment["DATABASE_URL"] == command.environment["DATABASE_URL"]


def test_a_command_starts_the_parts_when_none_run_and_stops_them_again(launch, tmp_path):
    launch(tmp_path).stop()

    command = launch(tmp_path, kind="attached")
    children = command.children
    command.stop()

    assert not command.said["attached"]
    assert not any(is_alive(pid) for pid in children)


ELSEWHERE = {"DATABASE_URL": "postgresql://elsewhere/app", "S3_BUCKET_NAME": "theirs"}


@pytest.mark.parametrize("kind", ["missing", "empty", "used before"])
def test_the_data_folder_is_closed_to_other_accounts_when_it_is_ours(tmp_path, kind):
    folder = tmp_path / "data"
    if kind != "missing":
        folder.mkdir()
        folder.chmod(0o755)
    if kind == "used before":
        (folder / "lock").touch()
        (folder / "service.env").touch()
    with embedded_parts(folder, ELSEWHERE):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_holds_something_else_is_left_as_it_is_with_a_warning(tmp_path, caplog):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "thesis.txt").touch()
    folder.chmod(0o755)
    with embedded_parts(folder, ELSEWHERE):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert "other accounts can enter it (mode 755)" in caplog.text


def test_a_missing_store_says_what_to_run(tmp_path):
    with (
        pytest.raises(PartMissingError, match="`make "),
        embedded_parts(tmp_path, {}, store_venv=tmp_path / "nowhere"),
    ):
        pass


def test_a_part_that_dies_at_once_shows_the_end_of_its_log_and_stops_the_other(tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    python.chmod(0o755)

    with (
        pytest.raises(PartFailedError, match=r"(?s)code 3.*the disk is on fire"),
        embedded_parts(tmp_path / "data", {}, store_venv=tmp_path / "venv", durable=False),
    ):
        pass

    assert not is_alive(int((tmp_path / "data" / "postgres.pid").read_text().split()[0]))


def test_a_port_that_somebody_took_meanwhile_is_replaced(running, tmp_path):
    shutil.copy(running.data_dir / "store.json", tmp_path)

    with embedded_parts(tmp_path, {"DATABASE_URL": "postgresql://elsewhere/app"}, persist_store=False) as parts:
        assert parts.environment["S3_ENDPOINT_URL"] != running.environment["S3_ENDPOINT_URL"]
        bucket(parts.environment).put_object(Bucket="holdfast", Key="x", Body=b"x")
