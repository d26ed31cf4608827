from __future__ import annotations

import pytest

from cekalwatch.server.capture.credit_window import BUSY_CREDITS, BUSY_S, FIRST_CREDITS, CreditWindow
from cekalwatch.server.foundation.errors import CekalwatchError, Code


class Queue:
    """How long the oldest capture has waited, and a stream's credits."""

    def __init__(self, most: int = 32) -> None:
        self.oldest_s = 0.0
        self.credits = CreditWindow(most, lambda: self.oldest_s)

    def sends(self, count: int) -> int:
        """Let a camera send `count` crops, which are taken; return what it has then."""
        for _ in range(count):
            self.credits.spend()
        for _ in range(count):
            self.credits.taken()
        self.credits.give()
        return self.credits.left


def test_a_camera_that_uses_all_its_credits_gets_twice_as_many_up_to_the_most() -> None:
    queue = Queue(most=10)
    assert [queue.sends(count) for count in (4, 8, 10)] == [8, 10, 10]


def test_one_that_needs_few_keeps_few() -> None:
    queue = Queue()
    assert [queue.sends(1) for _ in range(4)] == [FIRST_CREDITS] * 4
    queue.sends(4)
    assert [queue.sends(1) for _ in range(5)] == [7, 6, 5, 5, 5]


def test_while_captures_wait_too_long_each_camera_gets_two_and_no_more_until_they_do_not() -> None:
    queue = Queue()
    queue.sends(4)
    queue.oldest_s = BUSY_S + 0.1
    assert queue.sends(1) == 7, "what was given is not taken back"
    assert [queue.sends(count) for count in (7, 2, 1)] == [BUSY_CREDITS] * 3
    queue.oldest_s = BUSY_S / 2
    assert queue.sends(2) == BUSY_CREDITS, "nor more while they still wait for some time"
    queue.oldest_s = 0.0
    assert queue.sends(2) == 2 * BUSY_CREDITS


def test_a_camera_that_keeps_its_last_credit_gets_more_when_there_is_time_again() -> None:
    """It keeps it for a passage's first crop, so that it never spends all on further ones."""
    queue = Queue()
    queue.oldest_s = BUSY_S + 0.1
    queue.sends(4)
    queue.oldest_s = 0.0
    queue.credits.spend()
    assert queue.credits.taken(), "its credit does not wait for receipts"
    assert queue.credits.give() == 3


def test_credits_that_were_not_given_cannot_be_spent() -> None:
    queue = Queue(most=1)
    queue.credits.spend()
    with pytest.raises(CekalwatchError) as refused:
        queue.credits.spend()
    assert refused.value.code is Code.CREDIT_EXCEEDED


def test_what_waits_holds_its_credit() -> None:
    credit = Queue().credits
    credit.spend()
    assert credit.give() == 0
    assert not credit.taken(), "a camera that has some waits for its next receipts"
    assert credit.give() == 1
