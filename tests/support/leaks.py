"""What must never stand in a log line or an error body, and finding it there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

LEAST_CHARACTERS = 8  # a shorter bucket name or password is a word that may stand anywhere
PLAIN_WORDS = frozenset({"holdfast", "elsewhere", "localhost", "127.0.0.1", "postgres"})
# By which settings a process of its own is told what nobody else shall know.
SECRET_SETTINGS = (
    "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_SIGNING_ACCESS_KEY_ID", "S3_SIGNING_SECRET_ACCESS_KEY",
    "S3_BUCKET_NAME", "AUTH_JWT_SECRET",
)  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REDACTED = r"(?!\[redacted\])"
# Told by their shape, whoever made them.
SHAPES = {
    "a signature": re.compile(rf"(?i)signature=['\"]?{_REDACTED}[\w%+/]{{8}}"),
    "a credential": re.compile(rf"(?i)(?:x[-_]amz[-_](?:credential|security[-_]token)|awsaccesskeyid)={_REDACTED}\w"),
    "a token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
    "an API key": re.compile(r"\bhf_[0-9A-Za-z]{8}_[0-9A-Za-z]{8,}"),
    "a password": re.compile(rf"://[^\s/:@]*:(?!password@){_REDACTED}[^\s/@]+@"),
    "an object's key": re.compile(rf"\d{{4}}/\d\d/\d\d/(?:{UUID.pattern}|\d{{8}}_\d{{6}})|\.holdfast/\w"),
}
INSIDES = re.compile(r"Traceback|site-packages|asyncpg|sqlalchemy|botocore|boto3|urllib3|\bSELECT\b|\bINSERT INTO\b")


@dataclass
class Secrets:
    """Values that no text may hold, and what they are. Tokens count until the end of the test that sent them."""

    values: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def learn(self, value: str | None, what: str) -> None:
        if value and len(value) >= LEAST_CHARACTERS and value not in PLAIN_WORDS:
            self.values[value] = what

    def learn_database(self, url: str) -> None:
        self.learn(unquote(urlsplit(url).password or ""), "the registry's password")

    def learn_store(self, endpoint_url: str | None) -> None:
        """Where the store is may stand in a log, but in no answer."""
        if endpoint_url:
            self.addresses[urlsplit(endpoint_url).netloc] = "the store's address"

    def learn_environment(self, environment: dict[str, str]) -> None:
        for name in SECRET_SETTINGS:
            self.learn(environment.get(name), name)
        self.learn_database(environment.get("DATABASE_URL", ""))
        self.learn_store(environment.get("S3_ENDPOINT_URL"))

    def found_in(self, text: str) -> list[str]:
        """What stands in a text that must not."""
        found = [what for what, shape in SHAPES.items() if shape.search(text)]
        found += [what for value, what in self.values.items() if value in text]
        return found + ["a token that was sent" for token in self.tokens if token in text]

    def found_in_answer(self, body: str, asked: str) -> list[str]:
        """Likewise for the body of an error: no insides, and no id that the request didn't name."""
        found = self.found_in(body)
        found += [what for address, what in self.addresses.items() if address in body]
        found += [f"our insides ({inside[0]})" for inside in INSIDES.finditer(body)]
        return found + [f"an id that was not asked for ({each})" for each in set(UUID.findall(body)) - ids_in(asked)]


@lru_cache(maxsize=16)
def ids_in(text: str) -> frozenset[str]:
    """All ids in a text, dashed and in lower case, however they are spelt there; read once for a thousand problems."""
    plain = re.findall(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", text)
    bare = (each.replace("-", "").lower() for each in plain)
    return frozenset(f"{each[:8]}-{each[8:12]}-{each[12:16]}-{each[16:20]}-{each[20:]}" for each in bare)


def problems_in(body: str) -> list[str]:
    """Every problem within an answer, such as those of a batch, as text."""
    try:
        answer = json.loads(body)
    except ValueError:
        return [body]
    found, stack = [], [answer]
    while stack:
        item: Any = stack.pop()
        if isinstance(item, dict):
            if str(item.get("type")).startswith("urn:holdfast:problem:"):
                found.append(json.dumps(item))
            else:
                stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found
