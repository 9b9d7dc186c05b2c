"""Readers who fall behind: what they hold is given back, on our own server and on anybody's."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

from app.config import MEBIBYTE
from app.main import create_app
from tests.attacks.readers import ask, silent_readers
from tests.support.service import running, settings_with, wait_until

LINES = b"0123456789abcde\n" * (10 * MEBIBYTE // 16)
HASTY = {"download": {"idle_timeout_seconds": 0.5}}


@pytest.fixture
def public_file(upload):
    """10 MiB that everybody may read."""
    return upload(LINES, "big.txt", is_public="true")


@contextmanager
def plain_uvicorn(settings):
    """`uvicorn app.main:app`, without our protocol: the application and the port."""
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield app, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)


@contextmanager
def our_server(settings):
    with running(settings) as service:
        yield service.app, service.port


def holds_nothing(app) -> bool:
    downloads = app.state.transfers.downloads
    is_free = downloads.memory.free_bytes == downloads.memory.total_bytes
    return (
        is_free and not downloads.shares.callers and not app.state.file_services.reader._store._s3.readers.open_streams
    )


@pytest.mark.parametrize("serve", [our_server, plain_uvicorn])
def test_a_reader_who_stalls_holds_nothing_after_the_idle_time_out(base_settings, public_file, serve):
    path = f"/api/v1/files/{public_file['id']}/download"
    with serve(settings_with(base_settings, **HASTY)) as (app, port), silent_readers(port, path, 4, addresses=1):
        wait_until(lambda: not holds_nothing(app))
        wait_until(lambda: holds_nothing(app))


def test_on_our_server_the_connection_is_reset(start_service, public_file):
    path = f"/api/v1/files/{public_file['id']}/download"
    with start_service(**HASTY) as service, silent_readers(service.port, path, 2, addresses=1) as readers:
        wait_until(lambda: all(reader.is_cut for reader in readers))
        assert all(len(reader.all_that_comes()) < len(LINES) for reader in readers)


def test_while_others_wait_for_a_place_who_stalls_is_cut_off_sooner(start_service, public_file, monkeypatch):
    """Of those who read nothing, one whose address has most of the places makes room for a newcomer."""
    monkeypatch.setattr("app.core.memory_budget.RECALL_SECONDS", 0.2)
    path = f"/api/v1/files/{public_file['id']}/download"
    with start_service(download={"memory_mb": 4}) as service:
        memory = service.app.state.transfers.downloads.memory
        with silent_readers(service.port, path, 8, addresses=2) as readers:
            wait_until(lambda: memory.free_bytes == 0)
            with service.client("bob") as bob:
                assert bob.get(f"/files/{public_file['id']}/download").content == LINES
            assert 1 <= sum(reader.is_cut for reader in readers) < len(readers)


def test_while_all_places_are_taken_by_who_has_one_each_the_next_is_busy(start_service, public_file, monkeypatch):
    monkeypatch.setattr("app.modules.rates.transfers.MEMORY_WAIT_SECONDS", 0.3)
    path = f"/api/v1/files/{public_file['id']}/download"
    with start_service(download={"memory_mb": 1}) as service:
        memory = service.app.state.transfers.downloads.memory
        with silent_readers(service.port, path, 2, addresses=2), service.client(None) as stranger:
            wait_until(lambda: memory.free_bytes == 0)
            answer = stranger.get(f"/files/{public_file['id']}/download")
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_busy")
            assert int(answer.headers["Retry-After"]) > 0
        wait_until(lambda: memory.free_bytes == memory.total_bytes)


def test_a_redirect_and_an_unchanged_file_need_no_place_for_long(start_service, public_file):
    with start_service(rates={"downloads_max_concurrent": 1}) as service, service.client("alice") as alice:
        url = f"/files/{public_file['id']}/download"
        for _ in range(3):
            assert alice.get(url, params={"redirect": True}).status_code == 307
            assert alice.get(url, headers={"If-None-Match": public_file["etag"]}).status_code == 304
            assert alice.head(url).status_code == 200
        assert alice.get(url).content == LINES
        shares = service.app.state.transfers.downloads.shares
        wait_until(lambda: not shares.callers)


def test_an_address_is_one_caller_and_a_subject_another(start_service, public_file):
    path = f"/api/v1/files/{public_file['id']}/download"
    with start_service(rates={"downloads_max_concurrent": 2}) as service:
        shares = service.app.state.transfers.downloads.shares
        with silent_readers(service.port, path, 3, addresses=3), service.client("alice") as alice:
            wait_until(lambda: shares.callers == 3)
            assert alice.get(f"/files/{public_file['id']}/download").content == LINES


def test_a_reader_at_a_few_times_the_least_speed_is_not_cut_off(start_service, public_file):
    """Its kernel and ours hand bytes on in lumps, each of which takes it longer than the idle time-out."""
    with start_service(download={"idle_timeout_seconds": 1.0}) as service:
        path = f"/api/v1/files/{public_file['id']}/download"
        reader = ask(service.port, path, source="127.0.0.1")
        end, received = time.monotonic() + 12, 0
        while time.monotonic() < end:
            piece = reader.sock.recv(2_048)
            assert piece, f"cut off behind {received} bytes"
            received += len(piece)
            time.sleep(0.1)  # 20 KB a second
        assert received > 65_536
        reader.sock.close()
