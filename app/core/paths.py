"""A part of a path that may hold any character: Starlette's own `path` ends at a line feed."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

ANYTHING = "anything"


class AnyText(Convertor[str]):
    """The rest of the path, whatever it is: `{filename:anything}`."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


# A table of Starlette's own; nothing is connected or started by it.
register_url_convertor(ANYTHING, AnyText())
