"""Bodies and queries are taken as the document writes them, in no other spelling; and never end in a 500."""

from __future__ import annotations

import pytest

UPLOAD = {"filename": "a.txt", "content_type": "text/plain", "file_size": 5}
UNUSUAL_MOMENTS = ["1800000000", "99999999999999", "2199-01-01", "2199-01-01T00:00:00", "9999-12-31T23:59:59-12:00"]


@pytest.mark.parametrize("moment", [*UNUSUAL_MOMENTS, 99_999_999_999, 1e300])
def test_an_end_is_given_as_rfc_3339_writes_it(alice, upload, moment):
    """The last of the texts lies in the year 10000 where PostgreSQL counts."""
    file_id = upload(b"some words")["id"]
    for method, path, body in (
        ("PATCH", f"/files/{file_id}", {}),
        ("POST", "/files/uploads", UPLOAD),
        ("POST", "/keys", {"name": "a"}),
    ):
        answer = alice.request(method, path, json={**body, "expires_at": moment})
        assert answer.status_code == 422, path
        assert [error["field"] for error in answer.json()["errors"]] == ["body.expires_at"]


@pytest.mark.parametrize("moment", UNUSUAL_MOMENTS)
def test_so_it_is_in_queries_and_forms(alice, moment):
    answers = [
        alice.put("/files/raw/a.txt", params={"expires_at": moment}, content=b"some words"),
        alice.post("/files/upload", data={"expires_at": moment}, files={"file": ("a.txt", b"some words")}),
        alice.get("/files", params={"created_after": moment}),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/files/uploads", {**UPLOAD, "file_size": "5"}, "file_size"),
        ("/files/uploads", {**UPLOAD, "file_size": True}, "file_size"),
        ("/files/uploads", {**UPLOAD, "is_public": "yes"}, "is_public"),
        ("/files/uploads", {**UPLOAD, "is_public": 1}, "is_public"),
        ("/files/uploads", {**UPLOAD, "part_size": 1}, "part_size"),
        ("/files/presigned-urls", {"ids": [], "expiry": "60"}, "expiry"),
        ("/files/presigned-urls", {"ids": [], "force_download": "on"}, "force_download"),
    ],
)
def test_json_has_types_of_its_own(alice, path, body, field):
    answer = alice.post(path, json=body)
    assert answer.status_code == 422
    assert f"body.{field}" in {error["field"] for error in answer.json()["errors"]}


def test_a_patch_takes_no_word_for_the_truth(alice, upload):
    """A file is not made public by a spelling."""
    file_id = upload(b"some words")["id"]
    assert alice.patch(f"/files/{file_id}", json={"is_public": "yes"}).status_code == 422
    assert alice.get(f"/files/{file_id}").json()["is_public"] is False
