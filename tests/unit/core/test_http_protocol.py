"""The protocol class on a real socket, under an app that tells what it was asked."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn

from app.core import http_protocol
from app.core.http_protocol import EXTENSION, MAX_WAITING_REQUESTS, BoundedHttpProtocol
from tests.support.service import wait_until

LARGE = 16_777_216


class App:
    """Answers `/` at once, `/wait` when it is told to, `/large` with more than any buffer takes."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.scopes: list[dict] = []
        self.gone: list[str] = []
        self.go_on = threading.Event()

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        path = scope["path"]
        self.seen.append(path)
        self.scopes.append(scope)
        if path == "/wait":
            await receive()
            await asyncio.to_thread(self.go_on.wait, 20)
        if path == "/until-gone":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.append(path)
            return
        body = b"a" * LARGE if path == "/large" else path.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body[:10], "more_body": True})
        await send({"type": "http.response.body", "body": body[10:]})


@pytest.fixture
def app():
    return App()


@pytest.fixture
def server(app):
    config = uvicorn.Config(app, port=0, http=BoundedHttpProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield server
    app.go_on.set()
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def connect(server):
    @contextmanager
    def opened():
        port = server.servers[0].sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            yield sock

    return opened


def request(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *lines, "", ""]).encode()


def all_of(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_requests_in_line_are_answered_in_order_and_then_the_connection_is_closed(app, connect):
    with connect() as sock:
        sock.sendall(b"".join([request("/wait"), *(request(f"/{number}") for number in range(20))]))
        wait_until(lambda: app.seen == ["/wait"])
        app.go_on.set()
        received = all_of(sock)
    in_line = [f"/{number}" for number in range(MAX_WAITING_REQUESTS)]
    assert app.seen == ["/wait", *in_line]
    assert [line for line in received.split(b"\r\n") if line.startswith(b"connection")] == [b"connection: close"]
    positions = [received.index(f"\r\n\r\n{path}".encode()) for path in app.seen]
    assert positions == sorted(positions)


def test_as_many_requests_as_may_wait_keep_the_connection(app, connect):
    with connect() as sock:
        sock.sendall(request("/wait") + request("/a") * MAX_WAITING_REQUESTS)
        wait_until(lambda: app.seen == ["/wait"])
        app.go_on.set()
        wait_until(lambda: len(app.seen) == MAX_WAITING_REQUESTS + 1)
        sock.sendall(request("/last", "Connection: close"))
        assert b"\r\n\r\n/last" in all_of(sock)


def test_what_is_wrong_behind_other_requests_never_speaks_into_their_answers(app, connect):
    with connect() as sock:
        sock.sendall(request("/wait") + request("/a") + b"nonsense\r\n\r\n")
        wait_until(lambda: app.seen == ["/wait"])
        app.go_on.set()
        received = all_of(sock)
    assert app.seen == ["/wait", "/a"]
    assert received.count(b"HTTP/1.1 200 OK") == received.count(b"HTTP/1.1 ") == 2


def test_a_request_in_line_whose_body_breaks_off_is_never_begun(app, connect):
    with connect() as sock:
        broken = request("/broken", "Transfer-Encoding: chunked", method="PUT") + b"zz\r\n"
        sock.sendall(request("/wait") + request("/a") + broken)
        wait_until(lambda: app.seen == ["/wait"])
        app.go_on.set()
        assert all_of(sock).count(b"HTTP/1.1 ") == 2
    assert app.seen == ["/wait", "/a"]


def test_a_body_that_breaks_its_framing_behind_its_answer_gets_no_second_one(connect):
    with connect() as sock:
        sock.sendall(request("/early", "Transfer-Encoding: chunked", method="PUT"))
        received = sock.recv(65_536)
        sock.sendall(b"zz\r\n")
        received += all_of(sock)
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_request_that_runs_while_others_wait_hears_that_its_client_is_gone(app, connect):
    with connect() as sock:
        sock.sendall(request("/until-gone") + request("/never"))
        wait_until(lambda: app.seen == ["/until-gone"])
    wait_until(lambda: app.gone == ["/until-gone"])
    assert app.seen == ["/until-gone"]


def test_a_connection_whose_body_came_behind_its_answer_waits_for_the_next_request(connect, monkeypatch):
    """Such as one that got 401 and is kept: it was told 408 in the middle of its keep-alive time."""
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    with connect() as sock:
        sock.sendall(request("/early", "Content-Length: 4", method="PUT"))
        assert sock.recv(65_536).endswith(b"/early")
        sock.sendall(b"body")
        sock.settimeout(1)
        with pytest.raises(TimeoutError):
            sock.recv(65_536)
        sock.settimeout(20)
        sock.sendall(request("/last", "Connection: close"))
        assert all_of(sock).endswith(b"/last")


def test_a_connection_whose_body_came_behind_its_answer_is_not_kept_for_ever(server, connect):
    server.config.timeout_keep_alive = 0.3
    with connect() as sock:
        sock.sendall(request("/early", "Content-Length: 4", method="PUT"))
        assert sock.recv(65_536).endswith(b"/early")
        sock.sendall(b"body")
        assert all_of(sock) == b""


def test_a_body_that_never_ends_behind_its_answer_keeps_no_connection(connect, monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    with connect() as sock:
        sock.sendall(request("/early", "Content-Length: 4", method="PUT"))
        assert sock.recv(65_536).endswith(b"/early")
        sock.sendall(b"b")
        assert all_of(sock) == b""


def test_trailers_are_no_headers_of_this_request_or_the_next(app, connect):
    body = b"1\r\na\r\n0\r\nAuthorization: Bearer stolen\r\nX-Forwarded-For: 192.0.2.1\r\nExpect: 100-continue\r\n\r\n"
    with connect() as sock:
        sock.sendall(request("/a", "Transfer-Encoding: chunked", method="PUT") + body)
        sock.sendall(request("/b", "Connection: close"))
        all_of(sock)
    assert [dict(scope["headers"]) for scope in app.scopes] == [
        {b"host": b"a", b"transfer-encoding": b"chunked"},
        {b"host": b"a", b"connection": b"close"},
    ]


def test_the_app_is_told_who_read_the_request(app, connect):
    with connect() as sock:
        sock.sendall(request("/", "Connection: close"))
        all_of(sock)
    assert EXTENSION in app.scopes[0]["extensions"]


@pytest.mark.parametrize("behind", [b"", request("/never")], ids=["alone", "with another behind"])
def test_who_takes_nothing_of_an_answer_is_cut_off(app, server, connect, monkeypatch, behind):
    monkeypatch.setattr("app.core.stalled_readers.STALLED_SECONDS", 0.2)
    with connect() as sock:
        sock.sendall(request("/large") + behind)
        wait_until(lambda: bool(app.seen))
        wait_until(lambda: not server.server_state.connections)
        with pytest.raises(ConnectionError):
            all_of(sock)


def test_who_takes_an_answer_slowly_gets_it_whole(connect, monkeypatch):
    monkeypatch.setattr("app.core.stalled_readers.STALLED_SECONDS", 0.5)
    received = 0
    with connect() as sock:
        sock.sendall(request("/large", "Connection: close"))
        while piece := sock.recv(262_144):
            received += len(piece)
            # A reader that is slower than the server, yet never silent for as long as is allowed.
            threading.Event().wait(0.01)
    assert received > LARGE


@pytest.mark.parametrize(
    "lines", [["Upgrade: websocket", "Connection: upgrade"], ["Upgrade: h2c", "Connection: close"]]
)
def test_nothing_is_upgraded_and_nothing_behind_is_read(app, connect, lines):
    with connect() as sock:
        sock.sendall(request("/asked", *lines) + request("/behind"))
        assert all_of(sock).startswith(b"HTTP/1.1 200 OK")
    assert app.seen == ["/asked"]


def test_the_bound_of_requests_in_line_is_a_handful():
    assert http_protocol.MAX_WAITING_REQUESTS <= 8
