from __future__ import annotations

import threading

from cekalwatch.office.client.background_thread import StreamWatchdog


def test_silence_cancels_once() -> None:
    cancelled = threading.Event()
    with StreamWatchdog(cancelled.set) as watch:
        watch.expect_within(0.01)
        assert cancelled.wait(10)
        assert watch.fired


def test_nothing_is_cancelled_while_this_side_is_busy_or_after_the_end() -> None:
    calls: list[str] = []
    with StreamWatchdog(lambda: calls.append("cancelled")) as watch:
        watch.expect_within(3600)
        watch.expect_within(7200)
        watch.pause()
    assert not watch.fired
    assert calls == []
