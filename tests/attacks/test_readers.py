"""Clients that ask for bytes and read none, or one a second: nobody else waits for them, and they don't stay."""

from __future__ import annotations

import itertools
import time

import httpx
import pytest

from app.config import MEBIBYTE
from tests.attacks.readers import address, ask, silent_readers
from tests.attacks.scale import scaled
from tests.support.direct import begin, complete, send
from tests.support.service import wait_until

TEXT = b"0123456789abcde\n" * (10 * MEBIBYTE // 16)
QUICK = {"DOWNLOAD_IDLE_TIMEOUT_SECONDS": "2"}


@pytest.fixture(scope="module")
def token(service):
    return service.token("alice", ttl_seconds=3600)


@pytest.fixture(scope="module")
def public_file(service):
    """10 MiB that everybody may read."""
    with service.client("alice") as alice:
        answer = alice.post("/files/upload", files={"file": ("big.txt", TEXT)}, data={"is_public": "true"})
        assert answer.status_code == 201, answer.text
        yield answer.json()


def path_of(file) -> str:
    return f"/api/v1/files/{file['id']}/download"


def direct_upload(client) -> httpx.Response:
    content = b"%PDF-1.7\nsent past the service"
    upload = begin(client, content, "a.pdf")
    send(client, upload, content)
    return complete(client, upload)


def renamed(client) -> httpx.Response:
    """To another extension, for which the stored bytes are read."""
    file = client.post("/files/upload", files={"file": ("table.txt", b"a,b\n1,2\n")}).json()
    return client.patch(f"/files/{file['id']}", json={"filename": "table.csv"})


def anonymous_download(victim, file, source: str) -> httpx.Response:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(transport=transport, timeout=60) as stranger:
        return stranger.get(f"http://127.0.0.1:{victim.port}{path_of(file)}")


@pytest.mark.parametrize("addresses", [1, 40])
def test_who_does_not_read_holds_up_nobody(start_victim, token, public_file, addresses):
    """Issue 11, 4: 256 of them stopped every download, completion and rename, and took 550 MB."""
    with start_victim() as victim, victim.client(token) as alice:
        assert alice.get(f"/files/{public_file['id']}/download").content == TEXT
        before = victim.resident_mebibytes
        with silent_readers(victim.port, path_of(public_file), scaled(256, 1024), addresses=addresses):
            stranger = anonymous_download(victim, public_file, address(5_000))
            assert (stranger.status_code, stranger.content == TEXT) == (200, True), stranger.text[:200]
            for _ in range(scaled(2, 10)):
                assert alice.get(f"/files/{public_file['id']}/download").status_code == 200
                assert direct_upload(alice).status_code == 200
                assert renamed(alice).status_code == 200
            assert victim.resident_mebibytes - before < 250


def test_who_does_not_read_is_cut_off_and_holds_nothing_then(start_victim, token, public_file):
    """However the bytes are asked for, and however slowly they are read."""
    path, bearer = path_of(public_file), f"Bearer {token}"
    asked = [
        {},
        {"Range": "bytes=100-9000000"},
        {"version": "1.0"},
        {"Authorization": bearer},
        {"Authorization": bearer, "version": "1.0", "Range": "bytes=1-"},
    ]
    with start_victim(**QUICK) as victim:
        port = victim.port
        silent = [ask(port, path, source=address(0), **how) for how in asked for _ in range(scaled(4, 6))]
        dripping = [ask(port, path, source=address(0)) for _ in range(4)]
        by_redirect_only = path + "?redirect=false"
        silent.append(ask(port, by_redirect_only, source=address(0)))

        def all_are_cut() -> bool:
            for reader in dripping:
                reader.drip()
            time.sleep(0.2)
            return all(reader.is_cut for reader in itertools.chain(silent, dripping))

        wait_until(all_are_cut, timeout_seconds=30)
        assert all(len(reader.all_that_comes()) < len(TEXT) for reader in silent)
        # All places of that address are free again, and so are the connections to the store.
        again = [anonymous_download(victim, public_file, address(0)).content == TEXT for _ in range(40)]
        assert all(again)
        for reader in itertools.chain(silent, dripping):
            reader.sock.close()


def test_answers_that_nobody_reads_are_not_kept(start_victim):
    """Not only files: the document of all routes, asked for again and again on connections that read nothing."""
    with start_victim(**QUICK) as victim:
        readers = [ask(victim.port, "/openapi.json", source=address(0)) for _ in range(8)]
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

        def all_are_cut() -> bool:
            for reader in readers:
                if not reader.is_cut:
                    reader.send(request)
            return all(reader.is_cut for reader in readers)

        before = victim.resident_mebibytes
        wait_until(all_are_cut, timeout_seconds=30)
        assert victim.resident_mebibytes - before < 60


def test_one_caller_reads_so_many_files_at_once(start_victim, public_file):
    """The next one waits for a while, and is refused then; who comes from elsewhere isn't."""
    with start_victim() as victim, silent_readers(victim.port, path_of(public_file), 40, addresses=1) as readers:
        refused = anonymous_download(victim, public_file, address(0))
        assert refused.status_code == 429
        assert refused.json()["code"] == "too_many_downloads"
        assert int(refused.headers["Retry-After"]) > 0
        assert anonymous_download(victim, public_file, address(1)).content == TEXT
        readers[0].sock.close()
        readers[1].sock.close()
        wait_until(lambda: anonymous_download(victim, public_file, address(0)).status_code == 200)
