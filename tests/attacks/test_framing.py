"""Whatever a request says about its length, its host or an upgrade, it has one reading, straight and behind proxies.

The answers of `framing_inputs.py` and `framing_answers.py` stand as a table in docs/security.md; `FRAMING_RESULTS`
names a file for what was really found, from which `python -m tests.attacks.framing_page` writes that table.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.config import MEBIBYTE
from tests.attacks.framing_answers import expected, matches
from tests.attacks.framing_battery import FORMS, PATIENCE_SECONDS, Smuggled, Wire, await_reading, outcome, rendered
from tests.attacks.framing_inputs import CASES, HOST, TRAILED
from tests.attacks.framing_servers import (
    behind_haproxy,
    behind_nginx,
    embedding_app,
    plain_uvicorn,
    service_alone,
    token_of,
)
from tests.attacks.scale import scaled
from tests.support.service import settings_with

ATTEMPTS = 5
# What h11 reads otherwise than other servers do; the application can't see it.
LEFT_TO_H11 = {
    "Transfer-Encoding on a folded line",
    "Transfer-Encoding behind a bare LF",
    "chunk size before a space",
    "chunk extension with a bare CR",
    "chunk extension with an open quote",
    "chunk extension with a NUL",
    "body that ends in a bare LF",
    "Content-Length in a trailer",
    "Transfer-Encoding in a trailer",
    "trailer with a bare LF",
}


@pytest.fixture(scope="module")
def settings(base_settings):
    return settings_with(base_settings)


@pytest.fixture(scope="module")
def alone(settings):
    with service_alone(settings) as target:
        yield target


@pytest.fixture(scope="module")
def careless(alone):
    with behind_nginx(alone, is_careless=True) as target:
        yield target


def differences(target, form: str = "pieces") -> dict[str, tuple[str, str]]:
    """What is answered otherwise than it must be: what was found, what is wanted."""
    found = {case.name: outcome(case, target, form) for case in CASES}
    if form == "pieces" and (path := os.environ.get("FRAMING_RESULTS")):
        with Path(path).open("a", encoding="utf-8") as results:
            results.write(json.dumps({"server": target.name, "answers": found}) + "\n")
    wanted = {case.name: expected(case, target.name) for case in CASES}
    return {name: (found[name], wanted[name]) for name in found if not matches(found[name], wanted[name])}


def smuggled_into(target) -> set[str]:
    """The inputs behind which a request was answered that nobody has sent."""
    seen = set()
    for case in CASES:
        try:
            outcome(case, target)
        except Smuggled:
            seen.add(case.name)
    return seen


@pytest.mark.parametrize("form", ["pieces", "at once", *scaled([], ["byte by byte"])])
def test_every_input_has_one_answer_and_nothing_behind_it_is_answered(alone, form):
    assert form in {"pieces", *FORMS}
    assert differences(alone, form) == {}
    assert not alone.recorder.saw(TRAILED.encode())


@pytest.mark.parametrize("proxy", [behind_nginx, behind_haproxy])
def test_every_input_has_one_answer_behind_a_proxy_as_we_ship_it(alone, proxy):
    with proxy(alone) as target:
        assert differences(target) == {}
    assert not alone.recorder.saw(TRAILED.encode())


def test_a_careless_proxy_alone_smuggles_nothing(careless):
    assert smuggled_into(careless) == set()
    assert not careless.recorder.saw(TRAILED.encode())


def test_plain_uvicorn_lets_nothing_through_but_trailers(settings):
    with plain_uvicorn(settings, "httptools") as target:
        assert smuggled_into(target) == set()


def test_h11_reads_otherwise_what_only_it_can_see(settings):
    with plain_uvicorn(settings, "h11") as target:
        assert smuggled_into(target) <= LEFT_TO_H11
        assert not target.recorder.saw(TRAILED.encode())


def test_an_application_that_embeds_this_one_lets_nothing_through_but_trailers(settings):
    with embedding_app(settings) as target:
        assert smuggled_into(target) == set()


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/files"), ("PUT", "/api/v1/files/raw/a.txt")])
@pytest.mark.parametrize("upgrade", ["foo", "h2c", "websocket"])
def test_the_next_visitors_request_never_becomes_the_attackers_file(careless, settings, method, path, upgrade):
    """Point 1 as it was found: through an nginx that passes Upgrade on and keeps its connections."""
    attacker, victim = (token_of(f"{name}-{uuid4().hex}", settings) for name in ("attacker", "victim"))
    mine = f"Host: {HOST}\r\nAuthorization: Bearer {attacker}\r\n"
    stealing = f"PUT /api/v1/files/raw/loot.txt HTTP/1.1\r\n{mine}Content-Length: 300\r\n\r\n".encode()
    opening = (
        f"{method} {path} HTTP/1.1\r\n{mine}X-Request-ID: asked-{{id}}\r\nConnection: Upgrade\r\n"
        f"Upgrade: {upgrade}\r\nContent-Length: {len(stealing)}\r\n\r\n"
    ).encode()
    for _ in range(ATTEMPTS):
        with Wire(careless.port) as wire:
            ident = uuid4().hex
            wire.send(rendered(opening, ident, careless))
            await_reading(wire, careless, ident)
            wire.send(stealing)
            assert wire.answer() is not None
            assert files_of(victim, careless) == []
    assert files_of(attacker, careless) == []


def files_of(token: str, target) -> list[dict]:
    headers = {"Authorization": f"Bearer {token}", "Cookie": "session=secret", "X-Padding": "a" * 300}
    answer = httpx.get(f"http://127.0.0.1:{target.port}/api/v1/files", headers=headers, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.parametrize("proxy", [behind_nginx, behind_haproxy])
def test_the_refusal_of_a_large_body_arrives_through_a_proxy(alone, proxy):
    with proxy(alone) as target:
        address = f"http://127.0.0.1:{target.port}/api/v1/files/raw/a.bin"
        answer = httpx.put(address, content=bytes(8 * MEBIBYTE), timeout=PATIENCE_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
