"""Counts every request of the API before anything of it is done, and refuses those that are too many."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.exceptions import TooMany
from app.core.problems import problem_answer
from app.modules.auth.dependencies import may_ask_in_vain
from app.modules.rates.callers import address_of, counted_caller
from app.modules.rates.counter import RateCounter
from app.modules.rates.counting import Standing


class RateLimit:
    """Stands before the routes, so that what finds none counts too, and within CORS, so that preflights don't.

    Args:
        prefix: what the paths begin with that are counted.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what there is room for; no byte of a body is read before that."""
        counter: RateCounter | None = scope["app"].state.rate_counter if self._is_counted(scope) else None
        if counter is None:
            await self.app(scope, receive, send)
            return
        standing = await _counted(counter, Request(scope))
        if standing is None:
            await self.app(scope, receive, send)
            return

        async def send_with_standing(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_headers(standing))
            await send(message)

        if standing.is_refused:
            seconds = standing.reset_seconds
            detail = f"You have sent {standing.limit} requests and may send more in {seconds} s."
            answer = await problem_answer(TooMany(detail, retry_after_seconds=seconds))
            await answer(scope, receive, send_with_standing)
        else:
            await self.app(scope, receive, send_with_standing)

    def _is_counted(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        # Where another application mounts this one, all paths begin with where that is.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return f"{path}/".startswith(f"{self._prefix}/")


async def _counted(counter: RateCounter, request: Request) -> Standing | None:
    if not may_ask_in_vain(request):
        return await counter.count(await counted_caller(request))
    # The address pays before the key is looked up: invented keys cost a query each, and prove nobody.
    address = address_of(request)
    standing = await counter.count(address)
    if standing is None or standing.is_refused:
        return standing
    caller = await counted_caller(request)
    return standing if caller == address else await counter.count(caller)


def _headers(standing: Standing) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.reset_seconds),
    }
