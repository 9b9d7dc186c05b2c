"""A client that closes its connection is gone for the service as well, whatever stands between them."""

from __future__ import annotations

import socket
import threading
from contextlib import nullcontext

import pytest
import uvicorn

from app.core.http_protocol import BoundedHttpProtocol
from tests.attacks.framing_servers import Recorder, Target, behind_haproxy, behind_nginx
from tests.support.service import wait_until

REQUEST = b"POST /until-gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n"


class App:
    """Works on a request until its client is gone, as a batch does."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.is_left = threading.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/until-gone":
            assert not (await receive()).get("more_body")
            self.has_begun.set()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.is_left.set()
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def app():
    return App()


@pytest.fixture
def target(app):
    config = uvicorn.Config(app, port=0, http=BoundedHttpProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield Target("direct", server.servers[0].sockets[0].getsockname()[1], Recorder(app), "")
    server.should_exit = True
    thread.join(30)


@pytest.mark.parametrize("in_front", [nullcontext, behind_nginx, behind_haproxy])
def test_the_service_hears_that_its_client_is_gone(app, target, in_front):
    """HAProxy takes a client that closes for one that still listens, unless it is told otherwise."""
    with in_front(target) as front:
        with socket.create_connection(("127.0.0.1", front.port), 20) as sock:
            sock.sendall(REQUEST + b"content")
            assert app.has_begun.wait(20)
        assert app.is_left.wait(5)
