"""The file that a shell and a dotenv parser read alike, and the lock of its folder."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from app.embedded.exceptions import EmbeddedError, FolderBusyError
from app.embedded.processes import ProcessId
from app.embedded.service_env import locked, read_service_env, write_service_env


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "two words",
        "a#b",
        "$HOME",
        "`id`",
        'say "hi"',
        "it's",
        'it\'s "so"',
        "back\\slash",
        "!x",
        "é文",
        "a\nb",
    ],
)
def test_a_shell_and_the_reader_see_the_value_that_was_written(tmp_path, value):
    path = write_service_env(tmp_path, {"S3_KEY_PREFIX": value}, {})

    shell = subprocess.run(
        ["/bin/sh", "-c", f'. {path}; printf "%s" "$S3_KEY_PREFIX"'], capture_output=True, check=True
    )

    assert shell.stdout.decode() == value
    service = read_service_env(tmp_path)
    assert service is not None
    assert service.variables == {"S3_KEY_PREFIX": value}


def test_a_value_that_they_would_read_differently_is_refused_by_name(tmp_path):
    with pytest.raises(EmbeddedError, match="S3_SECRET_ACCESS_KEY"):
        write_service_env(tmp_path, {"S3_SECRET_ACCESS_KEY": "it's $5"}, {})
    assert list(tmp_path.iterdir()) == []


def test_processes_come_back_with_their_start_times(tmp_path):
    write_service_env(tmp_path, {}, {"HOLDFAST": ProcessId(12, "345"), "STORE": ProcessId(13, "Mon-Nov-3")})

    service = read_service_env(tmp_path)

    assert service is not None
    assert service.processes == {"HOLDFAST": ProcessId(12, "345"), "STORE": ProcessId(13, "Mon-Nov-3")}
    assert service.variables == {}


def test_the_file_is_private_whatever_the_umask_and_the_old_file(tmp_path):
    (tmp_path / "service.env").touch(mode=0o644)
    before = os.umask(0)
    try:
        path = write_service_env(tmp_path, {"A": "b"}, {})
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["service.env"]


def test_without_the_file_there_is_no_service(tmp_path):
    assert read_service_env(tmp_path) is None


def test_a_held_folder_names_its_holder(tmp_path):
    with locked(tmp_path), pytest.raises(FolderBusyError, match=f"process {os.getpid()}:"), locked(tmp_path):
        pass


def test_a_folder_is_free_again_after_its_holder(tmp_path):
    with locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
