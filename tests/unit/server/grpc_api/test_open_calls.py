"""Open calls are ended for what the check of their people comes to, each for its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.open_calls import ONE_OF_A_DEVICE, SIGNS_OUT, OpenCall, OpenCalls
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.builders.watchlist import FixedClock

WAIT_S = 30.0


def admission(check_person: Callable[..., None], method: str = "ImportWatchlist") -> Any:
    """A call that is let in; `check_person` looks at its person."""
    caller = SimpleNamespace(session=object(), identity=object())
    return SimpleNamespace(
        method=method,
        caller=caller,
        check_device=lambda: None,
        check_person=check_person,
    )


def readable(**_: bool) -> None:
    """Say nothing against the person."""


def unreadable(**_: bool) -> None:
    raise ValueError("CONTOH SATU")


async def test_a_person_who_cannot_be_read_may_nothing_and_nobody_else_is_ended_for_it() -> None:
    calls = OpenCalls(lambda: None, FixedClock())
    streams: list[OpenCall] = []

    async def go_on(check_person: Callable[..., None]) -> None:
        with calls.opened(admission(check_person)) as stream:
            streams.append(stream)
            await asyncio.sleep(WAIT_S)

    damaged, sound = asyncio.create_task(go_on(unreadable)), asyncio.create_task(go_on(readable))
    loops = [asyncio.create_task(loop) for loop in calls.loops()]
    with capture_logs() as lines:
        async with asyncio.timeout(WAIT_S / 2):
            with pytest.raises(asyncio.CancelledError):
                await damaged
            checked_s = streams[1].checked_s
            while streams[1].checked_s == checked_s:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)
    assert [one.ended for one in streams] == [Code.SESSION_ENDED, None]
    assert [line["error"] for line in lines if line["event"] == "person_unreadable"] == ["ValueError"]
    assert "CONTOH" not in str(lines)
    for task in (sound, *loops):
        task.cancel()
    calls.close()


async def test_who_signs_out_is_answered_though_the_session_has_ended() -> None:
    """It was told now and then that its session had ended, when the check came between."""
    calls = OpenCalls(lambda: None, FixedClock())

    async def go_on(method: str) -> None:
        with calls.opened(admission(unreadable, method)):
            await asyncio.sleep(WAIT_S)

    signing_out, other = asyncio.create_task(go_on(SIGNS_OUT)), asyncio.create_task(go_on("ListAlerts"))
    loops = [asyncio.create_task(loop) for loop in calls.loops()]
    async with asyncio.timeout(WAIT_S / 2):
        with pytest.raises(asyncio.CancelledError):
            await other
    assert not signing_out.done()
    assert signing_out.cancelling() == 0
    for task in (signing_out, *loops):
        task.cancel()
    calls.close()


async def test_a_place_is_given_up_once_also_where_the_newer_call_is_over_first() -> None:
    calls = OpenCalls(lambda: None, FixedClock())
    caller = SimpleNamespace(identity=Identity(DeviceRole.NOTIFIER, "batam-center", "pc-1"))
    let_in: Any = SimpleNamespace(method=min(ONE_OF_A_DEVICE), caller=caller)
    placed, over = asyncio.Event(), asyncio.Event()

    async def older() -> Code | None:
        with calls.opened(let_in) as stream, calls.in_place(stream):
            placed.set()
            try:
                await asyncio.sleep(WAIT_S)
            except asyncio.CancelledError:
                await over.wait()
        return stream.ended

    first = asyncio.create_task(older())
    await placed.wait()
    with calls.opened(let_in) as stream, calls.in_place(stream):
        await asyncio.sleep(0)
    over.set()
    assert (await first, stream.ended) == (Code.STREAM_ELSEWHERE, None)
    calls.close()
