"""Following what is in the database: other servers write there too, so it is looked at again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn


async def follow(
    woken: asyncio.Event, period_s: float, catch_up: Callable[[], Awaitable[None]], failed: Callable[[Exception], None]
) -> NoReturn:
    """Call `catch_up` for ever: when `woken` is set, and every `period_s` seconds.

    Whatever it raises goes to `failed`, and it is tried again: whoever follows must hear of what comes later.
    """
    while True:
        try:
            async with asyncio.timeout(period_s):
                await woken.wait()
        except TimeoutError:
            pass
        woken.clear()
        try:
            await catch_up()
        except Exception as error:  # noqa: BLE001  # see above
            failed(error)
            await asyncio.sleep(period_s)
