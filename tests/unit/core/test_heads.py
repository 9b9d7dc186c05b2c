"""Which heads have one reading; what servers do about the others is shown by tests/attacks/test_framing.py."""

from __future__ import annotations

import pytest

from app.core.framing import fault_of_head, fault_of_target

HOST = (b"host", b"files.example.com")
LENGTH, CHUNKED = (b"content-length", b"5"), (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
@pytest.mark.parametrize("host", [b"a", b"A.example.com:8000", b"127.0.0.1:1", b"[::1]", b"[2001:db8::1]:443", b"a_b"])
def test_an_ordinary_head_has_no_fault(version, host):
    assert fault_of_head(version, "PUT", [(b"host", host), LENGTH, (b"x-other", b"a")]) is None


def test_real_http_2_may_go_without_a_host_and_old_http_too():
    assert [fault_of_head(version, "GET", []) for version in ("1.0", "2", "3")] == [None] * 3


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", []),
        ("1.1", [HOST, HOST]),
        ("1.0", [HOST, (b"host", b"other")]),
        *(("1.1", [(b"host", host)]) for host in (b"", b"a b", b"a/b", b"a@b", b"a:b", b"a,b", b"a:123456", b"\xff")),
        ("1.1", [HOST, LENGTH, LENGTH]),
        ("1.1", [HOST, LENGTH, CHUNKED]),
        ("1.1", [HOST, CHUNKED, CHUNKED]),
        ("1.0", [HOST, CHUNKED]),
        *(("1.1", [HOST, (b"transfer-encoding", coding)]) for coding in (b"", b"gzip", b"gzip, chunked", b"identity")),
        *(("1.1", [HOST, (b"content-length", length)]) for length in (b"", b"+5", b"-5", b"5,5", b"0x5", b"5 5")),
        ("1.1", [HOST, LENGTH, (b"upgrade", b"h2c")]),
        ("1.1", [HOST, CHUNKED, (b"upgrade", b"h2c")]),
        *((version, [HOST]) for version in ("0.9", "1.2", "2.0", "9.9")),
    ],
)
def test_a_head_with_two_readings_has_a_fault(version, headers):
    assert fault_of_head(version, "PUT", headers)


def test_a_tunnel_is_no_request():
    assert fault_of_head("1.1", "CONNECT", [HOST])


@pytest.mark.parametrize(
    ("method", "target", "is_fine"),
    [
        ("GET", b"/", True),
        ("GET", b"//other/health", True),
        ("OPTIONS", b"*", True),
        ("GET", b"http://files.example.com/health", True),
        ("GET", b"HTTPS://FILES.example.com?a", True),
        ("GET", b"*", False),
        ("GET", b"/a#b", False),
        ("GET", b"health", False),
        ("GET", b"http://other.example.com/", False),
        ("GET", b"http://files.example.com@other/", False),
        ("GET", b"http://files.example.com:80/", False),
        ("GET", b"ftp://files.example.com/", False),
    ],
)
def test_the_address_names_the_same_host_as_the_head(method, target, is_fine):
    assert (fault_of_target(target, method, [HOST]) is None) is is_fine
