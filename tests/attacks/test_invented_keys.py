"""Keys that somebody invents cost the registry nothing once their address has used up what it has."""

from __future__ import annotations

import secrets
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.support.rates import FIVE, statuses


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def invented() -> dict[str, str]:
    return bearer(f"hf_{secrets.token_hex(4)}_" + secrets.token_hex(22)[:43])


@contextmanager
def look_ups(service):
    """The queries for keys that the service makes within the block."""
    engine = service.app.state.key_service._database.engine.sync_engine
    seen: list[str] = []

    def hear(_connection, _cursor, statement, *_rest):
        if "FROM api_keys" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", hear)


@pytest.fixture
def five_each(start_service):
    with start_service(rates=FIVE) as service:
        yield service


def test_an_address_that_is_over_its_limit_has_no_key_looked_up(five_each):
    with five_each.client(None) as nobody, look_ups(five_each) as seen:
        found = [nobody.get("/files", headers=invented()).status_code for _ in range(25)]
        assert found == [401] * 5 + [429] * 20
        assert len(seen) == 5


def test_a_key_that_was_good_ends_with_its_revocation(five_each):
    with five_each.client("alice") as alice, five_each.client(None) as nobody:
        made = alice.post("/keys", json={"name": "soon revoked"}).json()
        assert statuses(nobody, 1, headers=bearer(made["key"])) == [200]
        alice.delete(f"/keys/{made['id']}")
        with look_ups(five_each) as seen:
            found = statuses(nobody, 8, headers=bearer(made["key"]))
        assert found == [401] * 5 + [429] * 3
        assert len(seen) == 5
