"""What comes on a connection and is no call: how much of it is too much."""

from __future__ import annotations

from cekalwatch.server.transport.connections import CALL_BYTES, MAX_SURPLUS_BYTES, SURPLUS_BYTES_PER_S, Received

MINUTE = 60.0


def test_messages_of_calls_are_never_too_much() -> None:
    received, came = Received(), 0
    for _ in range(100):
        received.take(50_000_000)
        came += int(50_000_000 * 1.05)  # with their frames
        assert not received.floods(came, 0.5)


def test_what_is_no_message_ends_the_connection_when_it_comes_in_a_burst() -> None:
    received = Received()
    assert not received.floods(MAX_SURPLUS_BYTES, 0.0)
    assert received.floods(MAX_SURPLUS_BYTES + 1, 0.0)


def test_a_little_of_it_may_come_for_ever() -> None:
    received, came = Received(), 0
    for _ in range(1000):
        came += int(SURPLUS_BYTES_PER_S * MINUTE)
        assert not received.floods(came, MINUTE)
    assert received.floods(came + int(SURPLUS_BYTES_PER_S) + MAX_SURPLUS_BYTES + 1, 1.0)


def test_the_headers_of_a_call_are_its_own() -> None:
    received = Received()
    for number in range(1, 1000):
        received.useful += CALL_BYTES
        assert not received.floods(number * CALL_BYTES, 0.0)
