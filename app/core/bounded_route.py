"""The routes of this API: who calls is asked before the first byte of a body, and bodies are read within bounds.

FastAPI alone reads and parses a body of JSON before it asks any dependency. A route of this class runs first what its
parameters say about the caller, and then reads the body itself. It refuses to be made where nothing says who calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from app.core.buffered_bodies import BufferedBodies
from app.core.exceptions import FieldError, Invalid

# More than any route knows; parsing more, and naming all that are wrong, would take long.
MAX_QUERY_PARAMETERS = 100
Gate = Callable[[Request], Awaitable[object]]
D = TypeVar("D", bound=Callable[..., Any])
_gates: dict[Callable[..., Any], Gate] = {}


def asked_first(gate: Gate) -> Callable[[D], D]:
    """Mark a dependency that says who calls and with which scope.

    Args:
        gate: finds that out from the request alone and raises what the dependency would. The dependency asks again
            when its turn comes, so that asking twice has to be cheap.
    """

    def mark(dependency: D) -> D:
        _gates[dependency] = gate
        return dependency

    return mark


class BoundedRoute(APIRoute):
    """The class of every route of the API: give it to each router as `route_class`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, behind the gates and with a bounded body.

        Raises:
            TypeError: the route takes a body but nothing says who calls, or takes it in a way that isn't bounded.
        """
        handle = super().get_route_handler()
        gates = list(dict.fromkeys(_gates_of(self.dependant)))
        adapter = self._body_adapter()
        if adapter is not None and not gates:
            raise TypeError(f"{self.path} takes a body, so one of its parameters must say who calls")

        async def handle_bounded(request: Request) -> Response:
            for gate in gates:
                await gate(request)
            if request.scope["query_string"].count(b"&") >= MAX_QUERY_PARAMETERS:
                wrong = FieldError("query", f"has more than {MAX_QUERY_PARAMETERS} parameters")
                raise Invalid("The address can't be read; see errors.", errors=(wrong,))
            bodies: BufferedBodies = request.app.state.bodies
            async with bodies.of(request) as bounded:
                if adapter is not None:
                    await bounded.read_json(adapter)
                return await handle(bounded)

        return handle_bounded

    def _body_adapter(self) -> TypeAdapter[Any] | None:
        """What validates the body; None for a route whose body FastAPI doesn't read."""
        if self.body_field is None:
            return None
        if self._embed_body_fields or isinstance(self.body_field.field_info, params.Form):
            raise TypeError(f"{self.path} must take its body as one model of JSON; FormReader reads forms")
        annotation: Any = self.body_field.field_info.annotation
        return TypeAdapter(annotation)


def _gates_of(dependant: Dependant) -> Iterator[Gate]:
    if dependant.call in _gates:
        yield _gates[dependant.call]
    for each in dependant.dependencies:
        yield from _gates_of(each)
