"""So many requests a caller and no more, by name or address."""

from __future__ import annotations

import httpx
import pytest

from tests.support.races import together
from tests.support.rates import FIVE, statuses, used_up
from tests.support.raw_http import raw_connection
from tests.support.service import wait_until

pytestmark = pytest.mark.compared_once
SOME_ID = "01890000-0000-7000-8000-000000000000"
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture
def five_each(start_service):
    """Five requests a caller."""
    with start_service(rates=FIVE) as service:
        yield service


def test_the_request_after_the_last_one_is_refused_and_told_when_to_come_back(five_each):
    with five_each.client("alice") as alice:
        answer = used_up(alice)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "rate_limited")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert [answer.headers[name] for name in HEADERS] == ["5", "0", answer.headers["Retry-After"]]


def test_every_answer_says_how_many_requests_are_left(five_each):
    with five_each.client("alice") as alice:
        answers = [
            alice.get("/files"),
            alice.get(f"/files/{SOME_ID}"),
            alice.get("/nowhere"),
            alice.put(f"/files/{SOME_ID}"),
            alice.get("/files", params={"limit": "many"}),
        ]
        assert [answer.status_code for answer in answers] == [200, 404, 404, 405, 422]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
        assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"5"}
        assert all(0 < int(answer.headers["RateLimit-Reset"]) <= 86_400 for answer in answers)
        assert alice.get("/nowhere").status_code == 429


def test_tokens_and_keys_of_one_subject_count_together(five_each):
    with five_each.client("alice") as alice, five_each.client("alice", scopes={"files:read"}) as reader:
        key = alice.post("/keys", json={"name": "counted"}).json()["key"]
        by_key = {"Authorization": f"Bearer {key}"}
        assert statuses(reader, 2) == [200, 200]
        with five_each.client(None) as script:
            assert statuses(script, 3, headers=by_key) == [200, 200, 429]
        assert reader.get("/files").status_code == 429


def test_one_callers_requests_are_not_anothers(five_each):
    with five_each.client("alice") as alice, five_each.client("bob") as bob, five_each.client(None) as nobody:
        assert used_up(alice).status_code == 429
        assert statuses(bob, 1) == [200]
        assert statuses(nobody, 1) == [401]


def test_whoever_proves_nothing_is_counted_by_address(five_each):
    with five_each.client(None) as nobody, five_each.client("alice") as alice:
        assert statuses(nobody, 2) == [401, 401]
        assert statuses(nobody, 1, headers={"Authorization": "Bearer forged"}) == [401]
        assert statuses(nobody, 1, headers={"Authorization": "Bearer hf_aaaaaaaa_" + "b" * 43}) == [401]
        uppy = nobody.get(f"/files/uppy/{SOME_ID}/parts", params={"token": "x"})
        assert (uppy.status_code, uppy.headers["RateLimit-Remaining"]) == (401, "0")
        for headers in ({}, {"Authorization": "Bearer forged again"}):
            assert statuses(nobody, 1, headers=headers) == [429]
        # Whom the same address proves is somebody else.
        assert statuses(alice, 1) == [200]


def test_a_good_key_behind_a_spent_address_is_still_served(five_each):
    with five_each.client("alice") as alice, five_each.client(None) as nobody:
        key = alice.post("/keys", json={"name": "behind a bad neighbour"}).json()["key"]
        assert statuses(nobody, 6) == [401] * 5 + [429]
        assert statuses(nobody, 1, headers={"Authorization": f"Bearer {key}"}) == [200]


def test_a_key_that_comes_for_the_first_time_is_counted_for_its_address_too(five_each, start_service):
    with five_each.client("alice") as alice:
        key = alice.post("/keys", json={"name": "made by another process"}).json()["key"]
    with start_service(rates=FIVE) as other, other.client(None) as script, other.client(None) as nobody:
        assert statuses(script, 2, headers={"Authorization": f"Bearer {key}"}) == [200, 200]
        # One of five: the second time it was known.
        assert nobody.get("/files").headers["RateLimit-Remaining"] == "3"


def test_an_ipv6_caller_is_its_network(start_service):
    with (
        start_service(rates=FIVE, server={"forwarded_allow_ips": ["127.0.0.1"]}) as service,
        service.client(None) as nobody,
    ):
        for number in range(5):
            statuses(nobody, 1, headers={"X-Forwarded-For": f"2001:db8:1:2:{number}::1"})
        assert statuses(nobody, 1, headers={"X-Forwarded-For": "2001:db8:1:2:ffff::9"}) == [429]
        assert statuses(nobody, 1, headers={"X-Forwarded-For": "2001:db8:1:3::1"}) == [401]


def test_who_invents_an_address_is_not_believed(five_each):
    with five_each.client(None) as nobody:
        for number in range(5):
            statuses(nobody, 1, headers={"X-Forwarded-For": f"203.0.113.{number}"})
        assert statuses(nobody, 1, headers={"X-Forwarded-For": "203.0.113.77"}) == [429]


def test_a_trusted_proxy_says_who_calls(start_service):
    with (
        start_service(rates=FIVE, server={"forwarded_allow_ips": ["127.0.0.0/8"]}) as service,
        service.client(None) as nobody,
    ):
        # The last one that isn't trusted: whatever stands before it was said by the caller.
        for number in range(5):
            statuses(nobody, 1, headers={"X-Forwarded-For": f"10.0.0.{number}, 203.0.113.7"})
        assert statuses(nobody, 1, headers={"X-Forwarded-For": "203.0.113.7"}) == [429]
        for odd in ("203.0.113.8", "", "nonsense", "a" * 5000, "::ffff:203.0.113.9"):
            assert statuses(nobody, 1, headers={"X-Forwarded-For": odd}) == [401]


def test_with_sign_in_off_callers_are_told_apart_by_address(start_service):
    off = {"enabled": False, "jwt_secret": None}
    with (
        start_service(rates=FIVE, auth=off, server={"forwarded_allow_ips": ["127.0.0.1"]}) as service,
        service.client(None) as anybody,
    ):
        assert used_up(anybody).status_code == 429
        assert statuses(anybody, 1, headers={"X-Forwarded-For": "203.0.113.7"}) == [200]


def test_health_documents_and_preflights_are_not_counted(five_each):
    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    with httpx.Client(base_url=five_each.base_url) as client:
        for path in ("/health", "/health/ready", "/docs", "/openapi.json", "/elsewhere"):
            answers = [client.get(path) for _ in range(6)]
            assert {answer.status_code for answer in answers} in ({200}, {404})
            assert [answer for answer in answers if set(HEADERS) & set(answer.headers)] == []
        for _ in range(6):
            assert client.options("/api/v1/files", headers=preflight).status_code == 200
        assert client.get("/api/v1/files").status_code == 401


def test_a_refusal_can_be_read_by_the_page_that_was_refused(five_each):
    with five_each.client("alice") as alice:
        used_up(alice)
        answer = alice.get("/files", headers={"Origin": "https://app.example.com"})
    assert answer.status_code == 429
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed >= {*HEADERS, "Retry-After"}


def test_of_several_limits_the_tightest_speaks(start_service):
    with start_service(rates={"rate_limit": "100/day; 3/hour"}) as service, service.client("alice") as alice:
        assert [alice.get("/files").headers["RateLimit-Limit"] for _ in range(3)] == ["3"] * 3
        assert alice.get("/files").status_code == 429


def test_room_comes_back_with_time(start_service):
    with start_service(rates={"rate_limit": "2/second"}) as service, service.client("alice") as alice:
        wait_until(lambda: 429 in statuses(alice, 5))
        wait_until(lambda: statuses(alice, 1) == [200])


def test_without_a_limit_nothing_is_counted(alice):
    assert set(HEADERS) & set(alice.get("/files").headers) == set()


def test_many_at_once_get_no_more_than_there_is(five_each):
    with five_each.client("alice") as alice:
        answers = together(lambda _: alice.get("/files").status_code, callers=20)
    assert sorted(answers) == [200] * 5 + [429] * 15


def test_a_refused_upload_is_not_waited_for(five_each):
    """Case 30: 64 MB that nobody asked for; the answer comes before the first of them."""
    with five_each.client("alice") as alice:
        used_up(alice)
        bearer = alice.headers["Authorization"]
    head = {"Authorization": bearer, "Content-Length": str(64 << 20)}
    with raw_connection(five_each.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/a.txt", head)
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (429, "close")
        # Nothing more is read of it than what a polite end takes.
        assert connection.sock.recv(1) == b""
    with raw_connection(five_each.port) as connection:
        connection.send_head("PUT", "/api/v1/files/raw/a.txt", head | {"Expect": "100-continue"})
        assert connection.answer().status == 429


def test_who_sends_on_still_gets_the_refusal(five_each):
    with five_each.client("alice") as alice:
        used_up(alice)
        assert alice.put("/files/raw/a.txt", content=b"x" * (20 << 20)).status_code == 429
