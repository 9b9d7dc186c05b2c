"""A file's own metadata: any JSON object within limits, read from text, merged by patches."""

from __future__ import annotations

import json
from typing import Any, Final

from app.core.text import require_storable
from app.modules.files.exceptions import InvalidMetadata

METADATA_MAX_BYTES: Final = 16_384
METADATA_MAX_DEPTH: Final = 16


def check_metadata(value: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON value
    """Return `value`.

    Raises:
        InvalidMetadata: no object, too large, too deep, or holding what JSON or PostgreSQL can't.
    """
    if not isinstance(value, dict):
        raise InvalidMetadata("metadata must be a JSON object.")
    check_depth(value)
    try:
        require_storable(value)
        compact = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise InvalidMetadata("metadata must not contain NUL, lone surrogates, NaN or Infinity.") from error
    if len(compact) > METADATA_MAX_BYTES:
        raise InvalidMetadata(f"metadata is larger than {METADATA_MAX_BYTES} bytes.")
    return value


def check_depth(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value`, of which everything that walks down into it may be sure that it ends soon.

    Raises:
        InvalidMetadata: it's nested too deep.
    """
    level: list[Any] = [value]
    for _ in range(METADATA_MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    if any(isinstance(item, dict | list) for item in level):
        raise InvalidMetadata(f"metadata is nested deeper than {METADATA_MAX_DEPTH} levels.")
    return value


def parse_metadata(text: str) -> dict[str, Any]:
    """The metadata that a text holds.

    Raises:
        InvalidMetadata: it's not the text of a JSON object within the limits.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata("metadata must be the text of a JSON object.") from error
    return check_metadata(value)


def merged(target: object, patch: object) -> Any:  # noqa: ANN401 -- any JSON value
    """What a JSON merge patch (RFC 7396) makes of `target`, which stays as it is: null removes, objects are merged.

    The patch must have passed `check_depth`.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _no_constant(name: str) -> Any:  # noqa: ANN401 -- json's own hook
    raise InvalidMetadata(f"metadata must not contain {name}.")
