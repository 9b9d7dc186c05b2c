"""libmagic through python-magic, on the library and database that pylibmagic brings along."""

from __future__ import annotations

import os
import threading
from typing import Final

# pylibmagic finds its way into python-magic through variables that every child would inherit.
_TOUCHED: Final = ("LIBRARY_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "MAGIC")
_before = {name: os.environ.get(name) for name in _TOUCHED}
try:
    try:
        import pylibmagic
    except (ImportError, OSError):  # no wheel for this platform: the system's own library will do
        _DATABASE: str | None = None
    else:
        _DATABASE = str(pylibmagic.data / "magic.mgc")
    import magic
except ImportError as error:
    raise ImportError(
        "python-magic finds no libmagic: 'pip install pylibmagic' brings one, else"
        " 'apt-get install libmagic1', 'apk add libmagic' or 'brew install libmagic'"
    ) from error
finally:
    for _name, _value in _before.items():
        if _value is None:
            os.environ.pop(_name, None)
        else:
            os.environ[_name] = _value

_UNKNOWN: Final = "application/octet-stream"
_own = threading.local()


def version() -> str:
    """The library in use, such as `5.41`."""
    number: int = magic.version()  # type: ignore[no-untyped-call]  # python-magic types only what it exports
    return f"{number // 100}.{number % 100:02d}"


def guess(head: bytes) -> str:
    """What libmagic takes these bytes for, in its own words; `application/octet-stream` if it can't tell."""
    sniffer: magic.Magic | None = getattr(_own, "sniffer", None)
    if sniffer is None:
        # One a thread: libmagic's handles aren't safe to share, and python-magic's compat functions share one.
        sniffer = _own.sniffer = magic.Magic(mime=True, magic_file=_DATABASE)
    try:
        return sniffer.from_buffer(head)
    except magic.MagicException:  # its internal limits, hit by odd files: not knowing is an answer
        return _UNKNOWN
