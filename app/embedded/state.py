"""Small private files of the data folder, replaced in one step so that no crash leaves half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from app.embedded.exceptions import EmbeddedError


def write_private(path: Path, text: str) -> None:
    """Replace a file, mode 0600: other readers see the old or the new text, also after a power cut."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8") as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the renames in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_state(path: Path) -> dict[str, Any]:
    """Read what `write_state` wrote; empty when there is nothing yet.

    Raises:
        EmbeddedError: when the file is not ours.
    """
    if not path.exists():
        return {}
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EmbeddedError(f"{path} can't be read ({error}): restore it from a backup") from error
    if not isinstance(state, dict):
        raise EmbeddedError(f"{path} can't be read (not an object): restore it from a backup")
    return state


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Keep a part's settings for the next start."""
    write_private(path, json.dumps(state, indent=1) + "\n")
