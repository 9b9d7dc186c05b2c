"""A TCP proxy on loopback that refuses and cuts on command; `faulty_store` and `faulty_database` build on it."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from tests.support.traps import Trap

BUFFER_BYTES = 65_536


class Link(ABC):
    """One connection of the service, joined to one of the server."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._trap: Trap | None = None

    def start(self) -> None:
        """Pass bytes on, both ways."""
        for side in (self._client, self._server):
            # Messages are passed on one by one; without this each would wait for the one before to be acknowledged.
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pump in (self._up, self._down):
            threading.Thread(target=self._run, args=(pump,), daemon=True).start()

    def close(self) -> None:
        """End both sides; twice is once."""
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    @abstractmethod
    def _up(self) -> None:
        """Pass on what the service says, until it has no more to say."""

    @abstractmethod
    def _down(self) -> None:
        """Pass on what the server answers."""

    def _run(self, pump: Callable[[], None]) -> None:
        with suppress(OSError):
            pump()
        self.close()
        self._proxy.forget(self)


class TcpProxy:
    """The proxy, at `port`.

    Args:
        target: host and port of the server.
        link: what joins each new connection to one of the server.
    """

    def __init__(self, target: tuple[str, int], link: Callable[..., Link]) -> None:
        self._target = target
        self._link = link
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._refuses = False
        self._trap: Trap | None = None
        self._links: set[Link] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def trap(self, trap: Trap | None) -> None:
        """Wait for a step, described as the subclass says; None for none."""
        with self._lock:
            self._trap = trap

    def sprung_by(self, step: str) -> Trap | None:
        """The trap that this step is to spring."""
        with self._lock:
            return self._trap if self._trap and self._trap.takes(step) else None

    def refuse(self) -> None:
        """Close every connection, and each new one at once."""
        self._refuses = True
        self._close_links()

    def drop(self) -> None:
        """Close every connection that there is; what is kept back on it never arrives."""
        self._close_links()

    def heal(self) -> None:
        """Let everything pass again."""
        self._refuses = False

    def close(self) -> None:
        """Stop; whoever still talks through the proxy is cut off."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._close_links()

    def forget(self, link: Link) -> None:
        """Called by a link that has ended."""
        with self._lock:
            self._links.discard(link)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = None if self._refuses else socket.create_connection(self._target)
                except OSError:  # the server is away
                    server = None
                if server is None:
                    client.close()
                    continue
                link = self._link(self, client, server)
                with self._lock:
                    self._links.add(link)
                link.start()
                if self._refuses:  # set while this one was being made
                    link.close()

    def _close_links(self) -> None:
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
