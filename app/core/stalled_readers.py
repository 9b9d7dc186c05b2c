"""Closes connections whose client does not read."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

# So long a client may take nothing of what waits for it.
STALLED_SECONDS = 30.0
# `struct linger`: on, for no time at all.
LINGER_NOT = struct.pack("ii", 1, 0)
# What the kernel takes before it was sent. Its own limit is 4 MiB a connection, which a stalled reader would fill.
KERNEL_BYTES = 131_072
TCP_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


def bound_kernel_buffer(transport: asyncio.Transport) -> None:
    """Let the kernel take little ahead of the client, where the system can do that."""
    sock = transport.get_extra_info("socket")
    if TCP_NOTSENT_LOWAT is not None and sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, KERNEL_BYTES)


def untaken_bytes(transport: asyncio.Transport) -> int:
    """How much the client's side has not acknowledged: what waits here, and in the kernel where it tells.

    The kernel asks for more only when half of what it holds is sent. At 2 KiB a second that takes longer than a
    client may be silent, so that our own buffer alone doesn't tell a slow client from one that takes nothing.
    """
    sock = transport.get_extra_info("socket")
    here = transport.get_write_buffer_size()
    if sock is None or sock.fileno() < 0:
        return here
    try:
        (in_kernel,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        # Not every system tells it of every kind of socket.
        return here
    return here + int(in_kernel)


class StalledReader:
    """Watches one connection while answers wait in its buffer.

    The kernel and the client's own buffer take the first megabyte or so. What lies here beyond it keeps memory
    for as long as the connection lives, and closing waits until the client has read it all. So a connection of
    which nothing was taken for 30 s is cut.

    Args:
        transport: the connection.
        is_quiet: whether nobody adds to the buffer now; while somebody does, its size tells nothing.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, is_quiet: Callable[[], bool]
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._is_quiet = is_quiet
        self._timer: asyncio.TimerHandle | None = None
        self._untaken_bytes = 0
        self._has_taken = False

    def watch(self) -> None:
        """Begin, unless it has begun already or nothing waits."""
        if self._timer is None and self._transport.get_write_buffer_size() > 0:
            self._look_later()

    def note_progress(self) -> None:
        """The client has taken something."""
        self._has_taken = True

    def stop(self) -> None:
        """Stop watching, since the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        self._untaken_bytes = untaken_bytes(self._transport)
        self._has_taken = False
        self._timer = self._loop.call_later(STALLED_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() == 0:
            return
        if untaken_bytes(self._transport) == self._untaken_bytes and not self._has_taken and self._is_quiet():
            self.cut()
        else:
            self._look_later()

    def cut(self) -> None:
        """Reset the connection; closed in the ordinary way, the kernel would keep its own share for minutes more."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._transport.abort()
