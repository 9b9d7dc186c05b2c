"""Pids that are never mixed up, and children that end when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest

from app.embedded import processes
from app.embedded.exceptions import PartFailedError
from app.embedded.ports import free_port
from app.embedded.processes import ProcessId


@pytest.fixture
def start(tmp_path):
    """Run a shell line as a child."""
    children = []

    def run(line):
        child = processes.start(
            "part",
            ["/bin/sh", "-c", line],
            data_dir=tmp_path,
            working_dir=tmp_path,
            environ={"PATH": os.defpath},
            stop_signal=signal.SIGTERM,
        )
        children.append(child)
        return child

    yield run
    processes.stop(children)


def test_a_process_is_known_by_pid_and_start_time():
    this = ProcessId.of(os.getpid())

    assert this is not None
    assert this.is_running()
    assert ProcessId.parse(str(this)) == this


def test_a_reused_pid_is_neither_running_nor_signalled():
    """SIGKILL to this very process would end the test run."""
    reused = ProcessId(os.getpid(), "1")

    reused.signal(signal.SIGKILL)

    assert not reused.is_running()


@pytest.mark.parametrize("text", ["", "12", "x 1", "-5 1", " "])
def test_half_a_record_is_no_record(text):
    assert ProcessId.parse(text) is None


def test_a_process_that_ended_but_was_not_collected_counts_as_ended():
    process = subprocess.Popen(["/bin/sh", "-c", "exit 0"])
    try:
        assert processes.wait_for(lambda: ProcessId.of(process.pid) is None, timeout_seconds=5)
    finally:
        process.wait()


def test_a_child_that_ignores_its_signal_is_killed_after_a_bound(start, monkeypatch):
    monkeypatch.setattr(processes, "STOP_TIMEOUT_SECONDS", 0.2)
    child = start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    child.wait_until(lambda: b"ready" in child.log_path.read_bytes(), timeout_seconds=5)

    processes.stop([child])

    assert child.process.returncode == -signal.SIGKILL


def test_a_child_of_an_earlier_start_is_stopped_by_its_record(start, tmp_path):
    child = start("exec sleep 60")

    processes.stop_previous(tmp_path, "part", signal.SIGTERM)

    assert child.process.wait(5) == -signal.SIGTERM


def test_a_child_that_ends_early_shows_what_it_wrote_last(start):
    child = start("echo no space left >&2; exit 7")

    with pytest.raises(PartFailedError, match=r"(?s)ended with code 7.*no space left"):
        child.wait_until(lambda: False, timeout_seconds=10)


def test_a_child_that_never_gets_ready_is_given_up(start):
    child = start("exec sleep 60")

    with pytest.raises(PartFailedError, match="was not ready after"):
        child.wait_until(lambda: False, timeout_seconds=0.1)


def test_a_child_sees_only_the_environment_it_is_given(start, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    child = start("env")

    processes.run_to_end(child, timeout_seconds=10)

    assert b"AWS_" not in child.log_path.read_bytes()


def test_a_preferred_port_is_kept_while_free_and_replaced_when_not():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert free_port(port) != port

    assert free_port(port) == port
    assert free_port(port, taken=port) != port
