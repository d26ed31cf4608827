"""How slowly an import may come: between two messages, and for one record with its photographs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from cekalwatch.server.domain.errors import CekalwatchError, Code

Message = TypeVar("Message")


@dataclass(frozen=True)
class Pace:
    """Bounds in seconds. Only the time counts in which the server waits for the client."""

    message_s: float
    record_s: float

    async def paced(
        self, messages: AsyncIterator[Message], begins_record: Callable[[Message], bool]
    ) -> AsyncIterator[Message]:
        """Give the messages as they come; raises UPLOAD_STALLED when one, or the rest of a record, comes too late."""
        left_s = self.record_s
        clock = asyncio.get_running_loop().time
        while True:
            asked = clock()
            try:
                async with asyncio.timeout(min(self.message_s, left_s)):
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise CekalwatchError(Code.UPLOAD_STALLED) from None
            left_s = self.record_s if begins_record(message) else left_s - (clock() - asked)
            yield message
