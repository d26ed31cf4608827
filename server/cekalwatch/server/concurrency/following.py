"""Following what is in the database: other servers write there too, so it is looked at again and again."""

from __future__ import annotations

import asyncio


async def woken_within(woken: asyncio.Event, period_s: float) -> None:
    """Wait until `woken` is set, and at most `period_s` seconds, and clear it."""
    try:
        async with asyncio.timeout(period_s):
            await woken.wait()
    except TimeoutError:
        pass
    woken.clear()
