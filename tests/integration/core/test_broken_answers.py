"""Answers of store and database that get lost or break off: 503, never 500, and nothing that nobody knows of."""

from __future__ import annotations

import re
import time

import pytest
from sqlalchemy import text

from app.config import MEBIBYTE, DatabaseSettings
from app.core.database import Database
from app.core.database_errors import DatabaseUnavailable
from tests.support.content import noise
from tests.support.faulty_database import faulty_database
from tests.support.faulty_store import faulty_store
from tests.support.service import wait_until
from tests.support.traps import Trap

LARGE = noise(9 * MEBIBYTE)


@pytest.fixture
def broken(parts, start_service):
    """A service behind a proxy that can fail, its client, and the proxy."""
    with faulty_store(parts["S3_ENDPOINT_URL"]) as proxy:
        upload = {"late_write_seconds": 0.2}
        store = {"endpoint_url": proxy.endpoint_url, "read_timeout_seconds": 2}
        with (
            start_service(store=store, upload=upload, outbox={"poll_seconds": 0.1}) as service,
            service.client("alice") as client,
        ):
            yield client, proxy


def test_a_multipart_upload_whose_begin_was_answered_twice_leaves_no_second_one(broken, bucket):
    """boto3 sends the request again: there are two uploads then, and one id."""
    client, proxy = broken
    proxy.cut_after(0, direction="down", matching=r"^POST .*\?uploads$", times=1)
    answer = client.put("/files/raw/data.bin", content=LARGE)
    assert answer.status_code == 201, answer.text
    assert bucket.unfinished() == []


@pytest.mark.parametrize("size", [100_000, len(LARGE)])
@pytest.mark.parametrize("matching", [r"^HEAD ", r"^POST .*\?uploads$|^PUT [^?]*$", r"partNumber=|^HEAD "])
def test_an_answer_that_breaks_off_within_its_head_is_503(broken, size, matching):
    client, proxy = broken
    proxy.cut_after(30, direction="down", matching=matching)
    answer = client.put("/files/raw/data.bin", content=LARGE[:size])
    # Where all that is missing is words that nobody needs, the upload goes well.
    assert answer.status_code in {201, 503}, answer.text
    proxy.heal()
    if answer.status_code == 201:
        assert client.get(f"/files/{answer.json()['id']}/download").content == LARGE[:size]


def test_a_download_whose_answer_breaks_off_within_its_head_is_503_and_holds_no_stream(broken):
    client, proxy = broken
    file = client.put("/files/raw/data.bin", content=b"some bytes").json()
    proxy.cut_after(30, direction="down", matching=r"^GET ")
    answers = {client.get(f"/files/{file['id']}/download").status_code for _ in range(5)}
    assert answers == {503}
    proxy.heal()
    assert client.get(f"/files/{file['id']}/download").content == b"some bytes"


def test_what_was_begun_is_aborted_even_where_the_list_of_uploads_breaks_off(broken, bucket):
    """An empty list would mean that there is nothing to abort."""
    client, proxy = broken
    proxy.cut_after(30, direction="down", matching=r"^(POST|GET) .*\?.*uploads")
    answer = client.put("/files/raw/data.bin", content=LARGE)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert bucket.unfinished() != []
    proxy.heal()
    wait_until(lambda: bucket.unfinished() == [])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["INSERT INTO file_uploads", "UPDATE stored_objects SET state=.* size_bytes="])
def test_a_connection_that_breaks_around_a_commit_is_503(start_service, database_url, registry, moment, step):
    upload = {"lease_seconds": 1, "cleanup_interval_seconds": 0.1}
    with (
        faulty_database(database_url) as proxy,
        start_service(database={"url": proxy.url}, upload=upload) as service,
        service.client(f"{moment} {step}") as client,
    ):
        proxy.trap(Trap(re.compile(step), moment, lambda: None))
        answer = client.put("/files/raw/data.bin", content=b"hello")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        wait_until(lambda: registry.rows("SELECT 1 FROM stored_objects WHERE state = 'reserved'") == [])
        for file in client.get("/files").json()["items"]:
            assert client.get(f"/files/{file['id']}/download").content == b"hello"


def test_a_flip_that_is_answered_late_is_no_lost_lease(start_service, database_url):
    """The lease is renewed beside the flip, which has ended it: no reason to tell the client that its file is gone."""
    with (
        faulty_database(database_url) as proxy,
        start_service(database={"url": proxy.url}, upload={"lease_seconds": 1}) as service,
        service.client("late flip") as client,
    ):
        flip = re.compile("UPDATE stored_objects SET state=.* size_bytes=")
        proxy.trap(Trap(flip, "after", lambda: time.sleep(0.8), cuts=False))
        answer = client.put("/files/raw/data.bin", content=b"hello")
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "sqlstate",
    ["08006", "53100", "53300", "57P01", "57P03", "57014", "58030"],
    ids=["broken", "disk full", "too many", "shutdown", "starting", "time-out", "I/O"],
)
async def test_what_is_not_our_statements_fault_is_an_unavailable_database(database_url, sqlstate):
    database = Database(DatabaseSettings(_env_file=None, url=database_url))
    try:
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as session:
                await session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$"))
    finally:
        await database.close()
