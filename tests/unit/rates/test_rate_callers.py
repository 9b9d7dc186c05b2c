"""Which addresses are one caller, and that no name is kept."""

from __future__ import annotations

import pytest

from app.modules.rates.callers import CallerKind, CountedCaller, network_of


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("nonsense", "unknown"),
        ("203.0.113.07", "unknown"),
        ("a" * 5000, "unknown"),
        ("/run/app.sock", "unknown"),
    ],
)
def test_an_address_is_counted_as_the_network_that_one_caller_has(host, network):
    assert network_of(host) == network


@pytest.mark.parametrize("name", ["alice", "ä b/c@d", "\ud800", "a" * 5000, ""])
def test_a_callers_name_is_not_kept(name):
    caller = CountedCaller.of(CallerKind.PRINCIPAL, name)
    assert len(caller.identity) == 32
    assert not name or name not in caller.identity


def test_two_names_are_two_callers():
    names = ["alice", "bob", "alice/1", "alice/1/minute", "Alice", "alice "]
    assert len({CountedCaller.of(CallerKind.PRINCIPAL, name) for name in names}) == len(names)
    assert CountedCaller.of(CallerKind.ADDRESS, "alice") != CountedCaller.of(CallerKind.PRINCIPAL, "alice")
