"""Hostile names and folders through every door: the same answer everywhere, plain keys, whole headers."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from tests.integration.hostile.names import FOLDERS, NAMES, RAW_PATHS
from tests.support.doors import Doors

pytestmark = pytest.mark.compared_once


@pytest.fixture(scope="module")
def doors(service):
    with service.client("alice") as client:
        yield Doors(client, service.port)


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=[ascii(name)[:60] for name in NAMES])
def test_a_hostile_name_gets_the_same_answer_at_every_door(doors, name, expected):
    """Cases 41, 77 and 92."""
    answers = {door: enter(name) for door, enter in doors.by_name().items()}
    assert answers == {door: expected.get(door, expected[""]) for door in answers}


@pytest.mark.parametrize(("path", "expected"), RAW_PATHS.items(), ids=RAW_PATHS)
def test_the_path_of_a_raw_upload_is_decoded_once(doors, path, expected):
    """Case 92."""
    assert doors.raw_path(path) == expected


@pytest.mark.parametrize(("folder", "expected"), FOLDERS.items(), ids=[ascii(folder)[:60] for folder in FOLDERS])
def test_a_hostile_folder_gets_the_same_answer_at_every_door(doors, folder, expected):
    """Cases 77 and 92."""
    answers = {door: enter(folder) for door, enter in doors.by_folder().items()}
    assert answers == {door: expected.get(door, expected[""]) for door in answers}


KEPT = sorted({kept[""] for kept in NAMES.values() if kept[""].endswith(".txt")})


@pytest.mark.parametrize("name", KEPT, ids=[ascii(name)[:60] for name in KEPT])
def test_a_kept_name_is_plain_in_its_key_and_whole_in_the_download(alice, upload, name):
    """Cases 41 and 57."""
    file = alice.patch(f"/files/{upload(b'some words')['id']}", json={"filename": name}).json()
    copy = alice.post(f"/files/{file['id']}/copy").json()
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/[0-9a-f-]{36}(_[\w.-]+)?\.txt", copy["s3_key"], re.ASCII)
    assert ".." not in copy["s3_key"]
    header = alice.get(f"/files/{copy['id']}/download").headers["Content-Disposition"]
    shown, exact = re.fullmatch(r"inline; filename=\"([^\"\\/%]*)\"; filename\*=UTF-8''([^ ;]+)", header).groups()
    assert (unquote(exact), shown.isascii()) == (name, True)
