"""Every operation of the OpenAPI document, asked for by everybody, about a file in every state, against the table."""

from __future__ import annotations

import httpx
import pytest

from tests.authorisation.calls import address, arguments, letter
from tests.authorisation.stage import Callers, Stage, revoked_key
from tests.authorisation.table import CALLERS, ROWS, STATES, UNDOCUMENTED, Row
from tests.support.states import end_pending

PREFIX = "/api/v1"


@pytest.fixture(scope="module")
def operations(service):
    """Those that the document has, as the table writes them."""
    return {
        f"{method.upper()} {path.removeprefix(PREFIX) if path.startswith(PREFIX) else '/' + path}"
        for path, methods in service.app.openapi()["paths"].items()
        for method in methods
    }


@pytest.fixture(scope="module")
def callers(service):
    with service.client("alice") as alice:
        return Callers(service, revoked_key(alice))


@pytest.fixture(scope="module")
def stage(service, registry):
    with service.client("alice") as alice, service.client("root", scopes={"files:admin"}) as admin:
        yield Stage(alice, registry)
        end_pending(admin)


@pytest.fixture(scope="module")
def anybody():
    """A client without a credential of its own."""
    with httpx.Client(timeout=60) as client:
        yield client


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_everybody_is_answered_as_the_table_says(service, stage, callers, anybody, row):
    """Cases 22 and 90."""
    found = {caller: cell(service, stage, callers, anybody, row, caller) for caller in CALLERS}
    assert found == row.cells
    assert stage.changed() == []


def cell(service, stage: Stage, callers: Callers, client: httpx.Client, row: Row, caller: str) -> str:
    """What one caller is answered about the file in each state; one letter where the row is about no single file."""
    headers, method = callers.headers(caller, row.scope), row.operation.partition(" ")[0]
    letters = []
    for state in STATES if row.is_about_files else ("none",):
        file_id = stage.file(state) if row.is_about_files else ""
        url = address(service, row, file_id=file_id, key_id=a_key(stage, row))
        answer = client.request(method, url, headers=headers, **arguments(service, row, file_id, state))
        letters.append(letter(row, answer))
        if letters[-1] == "+" and row.is_about_files and method not in {"GET", "HEAD"}:
            stage.renew(state)
    return letters[0] if len(set(letters)) == 1 and len(row.cells[caller]) == 1 else "".join(letters)


def a_key(stage: Stage, row: Row) -> str:
    """The id of a key of alice's that nobody has revoked yet."""
    if "{key_id}" not in row.operation:
        return ""
    return stage.alice.post("/keys", json={"name": "to be revoked"}).json()["id"]


def test_every_operation_of_the_document_has_a_row(operations):
    assert sorted(operations - {row.operation for row in ROWS}) == []


def test_every_row_is_an_operation_of_the_document(operations):
    assert sorted({row.operation for row in ROWS} - UNDOCUMENTED - operations) == []
