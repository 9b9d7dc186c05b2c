"""The one rule for text that comes from outside: PostgreSQL takes no NUL, UTF-8 no lone surrogate."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def require_storable(value: Any) -> Any:  # noqa: ANN401 -- any JSON value, at any depth
    """Return `value` unchanged.

    Raises:
        ValueError: some string in it, key or value, holds a NUL or a lone surrogate.
    """
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _UNSTORABLE.search(item):
                raise ValueError("must not contain NUL or lone surrogates")
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return value


# The document can say the half of it that JSON Schema has words for.
Text = Annotated[str, AfterValidator(require_storable), Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]
