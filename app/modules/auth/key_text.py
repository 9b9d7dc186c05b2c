"""What an API key looks like: `hf_<prefix>_<secret>`. Pure.

The prefix names the key and may be shown; the secret is 43 letters and digits, 256 bits of chance. What is
kept is its SHA-256: nobody can try so many secrets, so a slow hash as for passwords (bcrypt, Argon2) would
add nothing but a tenth of a second of work to every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass

LETTERS = string.ascii_letters + string.digits
MARK = "hf_"
PREFIX_CHARACTERS = 8
SECRET_CHARACTERS = 43
_SHAPE = re.compile(rf"{MARK}([0-9A-Za-z]{{{PREFIX_CHARACTERS}}})_[0-9A-Za-z]{{{SECRET_CHARACTERS}}}")


@dataclass(frozen=True, repr=False)
class KeyText:
    """A key as its owner has it; never logged, never kept."""

    prefix: str
    text: str

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return hashlib.sha256(self.text.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether that is the digest of this key; takes as long for every other."""
        return hmac.compare_digest(self.digest, digest)


def new_key_text() -> KeyText:
    """A key that nobody has."""
    prefix, secret = _random(PREFIX_CHARACTERS), _random(SECRET_CHARACTERS)
    return KeyText(prefix, f"{MARK}{prefix}_{secret}")


def read_key_text(credential: str) -> KeyText | None:
    """The key that a credential is; None when it doesn't have the shape of one."""
    match = _SHAPE.fullmatch(credential)
    return None if match is None else KeyText(match[1], credential)


def _random(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))
