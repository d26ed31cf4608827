"""What the consoles and windows of the agent share: how signals stop it."""

from __future__ import annotations

import signal

from cekalwatch.notifier.app import stopped_by_signals


def test_a_signal_that_comes_while_another_one_is_handled_does_not_stop_once_more() -> None:
    """It would wait for ever for the lock of an Event that is just being set."""
    stops: list[int] = []

    def stop() -> None:
        stops.append(len(stops))
        if len(stops) < 3:
            signal.raise_signal(signal.SIGTERM)

    with stopped_by_signals(stop):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert stops == [0]
