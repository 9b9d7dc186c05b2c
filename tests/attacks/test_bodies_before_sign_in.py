"""Bodies cost nothing before it's known who sends them: no byte is read, no memory held, no value parsed."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from tests.attacks.scale import scaled
from tests.attacks.storm import cpu_seconds, settled, victim
from tests.support.raw_http import FORM_TYPE, raw_connection

__all__ = ["victim"]
SOME_ID = "01890000-0000-7000-8000-000000000000"
ANNOUNCED = 900_000
BOMB = b"[" + b"[]," * 340_000 + b"[]]"


def routes_with_bodies(app) -> list[tuple[str, str, str]]:
    """Method, path and type of each operation of the document that takes a body."""
    return [
        (method.upper(), re.sub(r"\{\w+\}", SOME_ID, path), next(iter(operation["requestBody"]["content"])))
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    ]


def head_of(content_type: str, credential: str | None) -> dict[str, str]:
    shown = {} if credential is None else {"Authorization": f"Bearer {credential}"}
    kind = FORM_TYPE if content_type == "multipart/form-data" else content_type
    return {**shown, "Content-Type": kind, "Content-Length": str(ANNOUNCED)}


@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}], ids=["", "asks before it sends"])
@pytest.mark.parametrize("who", ["nobody", "forged", "invented key", "without the scope"])
def test_who_may_not_send_is_refused_before_a_byte_of_the_body(service, who, expect):
    credential = {
        "nobody": None,
        "forged": "forged",
        "invented key": "hf_aaaaaaaa_" + "b" * 43,
        "without the scope": service.token("alice", scopes=set()),
    }[who]
    routes = routes_with_bodies(service.app)
    assert len(routes) >= 13
    found = {}
    for method, path, content_type in routes:
        with raw_connection(service.port) as connection:
            connection.send_head(method, path, head_of(content_type, credential) | expect)
            found[f"{method} {path}"] = connection.answer().status
    # The address of this one says by itself what it's good for, and here it says nothing.
    wanted = {name: 403 if who == "without the scope" and "uppy/0" not in name else 401 for name in found}
    assert found == wanted


@pytest.mark.parametrize("body", [b"{", b"[" * 1000, b"\xff"])
def test_nobody_is_told_what_is_wrong_with_a_body(service, anonymous, body):
    for method, path, content_type in routes_with_bodies(service.app):
        url = f"{service.base_url}{path}"
        answer = anonymous.request(method, url, content=body, headers={"Content-Type": content_type})
        assert answer.status_code == 401, (method, path)


def test_bodies_of_nobody_take_no_memory(victim):
    with ExitStack() as stack:
        before = victim.peak_mebibytes
        for _ in range(scaled(150, 1_500)):
            connection = stack.enter_context(raw_connection(victim.port))
            connection.send_head("POST", "/api/v1/files/uploads", head_of("application/json", None))
            send_what_is_taken(connection, b" " * (ANNOUNCED - 1))
        assert settled(lambda: victim.peak_mebibytes) - before < 60


def send_what_is_taken(connection, data: bytes) -> None:
    """Send, unless the service has closed the connection meanwhile, as it should."""
    try:
        connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return


@pytest.mark.parametrize("who", ["nobody", "alice"])
def test_brackets_in_brackets_cost_the_service_next_to_nothing(service, victim, who):
    bombs = scaled(5, 50)
    with victim.client(service.token("alice") if who == "alice" else "forged") as client:
        client.get("/files")
        before = cpu_seconds(victim)
        with victim.others_wait() as waits:
            for _ in range(bombs):
                answer = client.post("/files/uploads", content=BOMB, headers={"Content-Type": "application/json"})
                assert answer.status_code == (422 if who == "alice" else 401)
        spent = cpu_seconds(victim) - before
    # It was 0.4 s and more a bomb. Others ask meanwhile, and each of their requests costs a little.
    assert spent / bombs - len(waits.seconds) / bombs * 0.005 < 0.15
