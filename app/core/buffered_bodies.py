"""Reads the bodies that have to be in memory whole, within bounds on bytes, time and what a parser makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope

from app.config import BodySettings
from app.core.byte_budget import ByteBudget, Held
from app.core.exceptions import FieldError, Invalid, TooLarge, TooSlow
from app.core.json_shape import JsonShape
from app.core.pace import Pace
from app.core.request_body import paced_body

# Larger than any JSON or XML that this API has a use for; files are read in other ways.
MAX_BYTES = 1_048_576
TOO_LARGE = "The body is larger than this address takes."
# What a value of JSON weighs as an object of Python, at most: an object with one short member takes 232 bytes and
# counts as two values where it stands in an array.
VALUE_BYTES = 128
# A piece of this size is measured in at most 8 ms; the loop serves others between two pieces.
PIECE_BYTES = 65_536
# Up to here parsing and validating takes less than handing it to a thread would delay it.
SMALL_BYTES = 16_384
T = TypeVar("T")
HoldersOf = Callable[[Request], Awaitable[tuple[Hashable, ...]]]


class BufferedBodies:
    """Keeps account of all bodies that are in this process's memory.

    Args:
        settings: how much all of them, and those of one caller, may take, and how long one may take to arrive.
        pace: makes the pace that a client has to keep besides.
        holders_of: whose shares a request's body counts for.
    """

    def __init__(self, settings: BodySettings, pace: Callable[[], Pace], holders_of: HoldersOf) -> None:
        self._budget = ByteBudget(settings.buffer_max_bytes, settings.buffer_max_bytes_per_caller)
        self._timeout_seconds = settings.timeout_seconds
        self._pace = pace
        self._holders_of = holders_of
        # One thread: several would only take the interpreter away from the loop, which needs it too.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bodies")

    @property
    def held_bytes(self) -> int:
        """What all bodies take now."""
        return self._budget.held_bytes

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[BoundedRequest]:
        """The request with a body that can be read within the bounds; at the block's end it counts no more."""
        with self._budget.hold(*await self._holders_of(request)) as held:
            yield BoundedRequest(request.scope, request.receive, self, held)

    async def read(self, request: BoundedRequest, held: Held, shape: JsonShape | None) -> bytes:
        """The whole body.

        Args:
            request: whose it is.
            held: what it takes is added here as it arrives; a length that is merely announced takes nothing.
            shape: measures it meanwhile, where it's JSON.

        Raises:
            TooLarge: it's larger than `MAX_BYTES`, announced or found out.
            TooSlow: it isn't there in time.
            ServerBusy, ShareUsedUp: there is no room for it.
            Invalid: `shape` refuses it.
        """
        if int(request.headers.get("content-length", "0")) > MAX_BYTES:
            raise TooLarge(TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async for chunk in paced_body(request, self._pace()):
                    if len(body) + len(chunk) > MAX_BYTES:
                        raise TooLarge(TOO_LARGE)
                    for start in range(0, len(chunk), PIECE_BYTES):
                        if start:
                            await asyncio.sleep(0)
                        piece = chunk[start : start + PIECE_BYTES]
                        values = 0 if shape is None else shape.feed(piece)
                        held.grow(len(piece) + values * VALUE_BYTES)
                        body += piece
        except TimeoutError as error:
            raise TooSlow(headers={"Connection": "close"}) from error
        return bytes(body)

    async def work(self, size_bytes: int, call: Callable[[], T]) -> T:
        """Run what takes as long as `size_bytes` make it: a small one here, a large one in the thread."""
        if size_bytes <= SMALL_BYTES:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """End the thread, after what it's doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class BoundedRequest(Request):
    """A request whose body is read within bounds, whoever asks for it: FastAPI or the route itself.

    Args:
        scope, receive: the request's own.
        bodies: keeps account.
        held: what the body takes.
    """

    def __init__(self, scope: Scope, receive: Receive, bodies: BufferedBodies, held: Held) -> None:
        super().__init__(scope, receive)
        self._bodies = bodies
        self._held = held
        self._whole: bytes | None = None
        self._value: Any = None

    async def body(self) -> bytes:
        """The whole body, read once.

        Raises:
            TooLarge, TooSlow, ServerBusy, ShareUsedUp: as of `BufferedBodies.read`.
        """
        if self._whole is None:
            self._whole = await self._bodies.read(self, self._held, None)
        return self._whole

    async def json(self) -> Any:  # noqa: ANN401 -- Starlette's own signature
        """What `read_json` found."""
        return self._value

    async def read_json(self, adapter: TypeAdapter[Any]) -> None:
        """Read, parse and validate a body of JSON, so that FastAPI finds the result where it looks for JSON.

        A body of another type is read and left as it is: FastAPI says what is wrong with it.

        Raises:
            TooLarge, TooSlow, ServerBusy, ShareUsedUp, Invalid: as of `BufferedBodies.read`.
            RequestValidationError: it's no JSON, or not what the route takes.
        """
        if not self._is_json():
            await self.body()
            return
        self._whole = await self._bodies.read(self, self._held, JsonShape())
        if self._whole:
            self._value = await self.work(partial(_validated, adapter, self._whole))

    async def work(self, call: Callable[[], T]) -> T:
        """Run what takes as long as the body that was read is large, off the loop where that is long."""
        return await self._bodies.work(len(await self.body()), call)

    def _is_json(self) -> bool:
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        kind, _, subtype = media_type.partition("/")
        return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _validated(adapter: TypeAdapter[Any], body: bytes) -> Any:  # noqa: ANN401 -- whatever the route takes
    try:
        # As `json` reads bytes, but for UTF-16 and UTF-32: in these the body's shape can't be measured.
        value = json.loads(body.decode("utf-8-sig", "surrogatepass"))
    except json.JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "JSON decode error"}
        raise RequestValidationError([wrong]) from error
    except (RecursionError, ValueError) as error:
        wrong_body = FieldError("body", "this is no JSON, or it is nested too deep, or a number in it is too long")
        raise Invalid("The body can't be read; see errors.", errors=(wrong_body,)) from error
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found]) from error
