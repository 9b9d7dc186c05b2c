"""uvicorn's HTTP with one reading of each request, and with bounds on everything that comes before a body.

The parser beneath, llhttp, bounds nothing: a header without an end, or headers without an end, would be kept
in memory until it is full, before the application hears of the request. uvicorn on top of it lets a request
that asks for an upgrade go without its body, takes trailers for headers, and keeps every request that arrives
before its turn. Decision 14 says why it is this parser all the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.core.exceptions import HoldfastError
from app.core.framing import fault_of_head, fault_of_target, wants_upgrade
from app.core.http_refusals import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_URL_BYTES,
    HeadersTooLarge,
    HeadTooSlow,
    MalformedHead,
    UriTooLong,
    answer_to,
)
from app.core.stalled_readers import StalledReader, bound_kernel_buffer, untaken_bytes
from app.core.unread_answers import ABORT, UNTAKEN

# How long a head may take to arrive, from the connection or its own first byte on.
HEAD_SECONDS = 30.0
# How many whole requests may wait on one connection for the answer to the one before.
MAX_WAITING_REQUESTS = 4
# What is still thrown away behind a refusal, so that the client comes to read it.
LINGER_SECONDS = 2.0
LINGER_BYTES = 1_048_576
# The mark in a scope's extensions by which the application knows that this class has read the request.
EXTENSION = "holdfast.framing"


class _LastRequest(Exception):
    """Nothing behind the requests so far is read."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection.

    Bounded are the address, the number of fields and their bytes, those behind a chunked body included,
    what the parser swallows without a word, such as a field that has not ended yet, the time of it all,
    the requests that wait for their turn, and the time that a client takes nothing of its answers.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _stop: Exception | None = None
    _running: RequestResponseCycle | None = None
    _reader: StalledReader | None = None
    # Nothing that still arrives is read: a refusal is on its way, or the last answers are.
    _is_deaf = False
    # From the end of a head to the end of its body, trailers included.
    _is_in_body = False
    _is_lost = False
    _has_spoken = False
    _silent_bytes = 0
    _head_bytes = 0
    _head_fields = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a head."""
        super().connection_made(transport)
        self._reader = StalledReader(self.loop, transport, self._is_quiet)
        bound_kernel_buffer(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more, and let no request go on for a client that is gone."""
        self._is_lost = True
        self._stop_waiting()
        if self._reader is not None:
            self._reader.stop()
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            _disconnect(self._running)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless the connection is only waiting for its end."""
        if self._is_deaf:
            self._silent_bytes += len(data)
            if self._silent_bytes > LINGER_BYTES:
                self._close()
            return
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()
        self._has_spoken = False
        self._parse(data)
        self._silent_bytes = 0 if self._has_spoken else self._silent_bytes + len(data)
        if self._silent_bytes > MAX_HEAD_BYTES and not self._is_deaf:
            self._hang_up(HeadersTooLarge())

    def _parse(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # It was answered in HTTP/1.1; whether what comes behind it is still that, nobody can know.
            self._take_no_more()
        except httptools.HttpParserError:
            if isinstance(self._stop, _LastRequest):
                self._take_no_more()
            else:
                self._hang_up(self._stop if isinstance(self._stop, HoldfastError) else MalformedHead())

    def on_message_begin(self) -> None:
        """Count anew, if there may be one more request."""
        self._unset_keepalive_if_required()
        is_last = self.cycle is not None and not self.cycle.keep_alive
        if is_last or len(self.pipeline) >= MAX_WAITING_REQUESTS:
            self._refuse(_LastRequest())
        self._head_bytes = self._head_fields = 0
        self._is_in_body = False
        super().on_message_begin()
        extensions: dict[str, Any] = {EXTENSION: {}, ABORT: self._abort, UNTAKEN: self._untaken}
        self.scope["extensions"] = extensions

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._has_spoken = True
        super().on_url(url)
        self._head_bytes += len(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(UriTooLong())

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; those behind a chunked body count for the bounds and for nothing else."""
        self._has_spoken = True
        self._head_fields += 1
        self._head_bytes += len(name) + len(value)
        if self._head_fields > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HeadersTooLarge())
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is here; go on only if it can be read in one way."""
        self._stop_waiting()
        method = self.parser.get_method().decode("ascii")
        fault = fault_of_head(self.parser.get_http_version(), method, self.headers)
        fault = fault or fault_of_target(self.url, method, self.headers)
        if fault:
            self._refuse(MalformedHead(fault))
        super().on_headers_complete()
        if wants_upgrade(self.headers):
            self.cycle.keep_alive = False
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which others bound."""
        self._has_spoken = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is here."""
        super().on_message_complete()
        self._is_in_body = False
        if self.cycle.response_complete:
            # It came behind its answer. The connection is idle from now on, and waits for no head yet.
            self._stop_waiting()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Go on with the next request, and see that this answer is taken."""
        super().on_response_complete()
        if self._reader is not None:
            self._reader.watch()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        if self._reader is not None:
            self._reader.watch()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if self._reader is not None:
            self._reader.note_progress()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 -- as uvicorn has it
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        """Never, whatever libraries are installed."""
        return False

    def _is_quiet(self) -> bool:
        return self.flow.write_paused or self._running is None or self._running.response_complete

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._hang_up, HeadTooSlow())

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, reason: Exception) -> None:
        """Stop the parser, which makes an error of its own of that."""
        self._stop = reason
        raise reason

    def _take_no_more(self) -> None:
        """Answer the requests that are here as a whole, one by one, then close."""
        self._is_deaf = True
        self._stop_waiting()
        last: RequestResponseCycle | None = self.cycle
        if last is not None and last.more_body and last is not self._running:
            # It waits for its turn with half a body, of which the rest will never be read.
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None:
            last.keep_alive = False

    def _hang_up(self, refusal: HoldfastError) -> None:
        """Answer with a problem and close, but not before the client could read it."""
        running = self._running
        if running is not None and not running.response_complete:
            if self.cycle is not running or not running.more_body:
                # Others are to be answered first; nobody may take this answer for a part of theirs.
                self._take_no_more()
                return
            # To the application it looks as if the client had gone.
            _disconnect(running)
        self._is_deaf = True
        self._stop_waiting()
        if running is not None and running.response_started and self._is_in_body:
            # The request has its answer, or half of it; a second one would be taken for that of the next.
            self._close()
            return
        self.transport.write(answer_to(refusal, self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._close)

    def _abort(self) -> None:
        """Reset the connection: the application gives its client up."""
        if self._reader is not None and not self._is_lost:
            self._reader.cut()

    def _untaken(self) -> int:
        return 0 if self._is_lost else untaken_bytes(self.transport)

    def _close(self) -> None:
        """Close once all is sent; a client that takes nothing isn't waited for."""
        self.transport.close()
        if self._reader is not None:
            self._reader.watch()


def _disconnect(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True
    cycle.message_event.set()
