"""Memory is shared: nobody takes more than a share, all together no more than there is, and it's all given back."""

from __future__ import annotations

import pytest

from app.core.byte_budget import ByteBudget, ServerBusy, ShareUsedUp


def test_one_holder_gets_its_share_and_no_more():
    budget = ByteBudget(100, 40)
    with budget.hold("alice", "here") as first, budget.hold("alice", "there") as second:
        first.grow(30)
        second.grow(10)
        with pytest.raises(ShareUsedUp) as refused:
            second.grow(1)
        assert refused.value.retry_after_seconds == 1
        with budget.hold("bob", "there") as other:
            other.grow(30)
            with pytest.raises(ShareUsedUp):
                other.grow(1)
        assert budget.held_bytes == 40
    assert budget.held_bytes == 0


def test_all_together_get_what_there_is():
    budget = ByteBudget(100, 60)
    with budget.hold("a") as first, budget.hold("b") as second:
        first.grow(60)
        second.grow(40)
        with pytest.raises(ServerBusy) as refused:
            second.grow(1)
        assert (refused.value.status, refused.value.retry_after_seconds) == (503, 1)
    with budget.hold("c") as third:
        third.grow(60)


def test_what_was_held_is_given_back_however_the_block_ends():
    budget = ByteBudget(10, 10)

    def hold_and_fail() -> None:
        with budget.hold("a", "a") as held:
            held.grow(10)
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            hold_and_fail()
    assert budget.held_bytes == 0
    assert not budget._held_by
