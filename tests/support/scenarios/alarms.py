"""Who watches the alarms of a running server, and a camera that says how it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from cekalwatch.v1 import capture_pb2, capture_service_pb2, trouble_pb2, trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.tokens import bearer

Alarm = trouble_pb2.Trouble


@dataclass
class Watcher:
    """Watches, as a notifier does."""

    channel: grpc.aio.Channel
    site: str = ""
    open: dict[str, Alarm] = field(default_factory=dict)
    """What is wrong, by the key of the alarm."""
    over: list[Alarm] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it has been told what is wrong."""
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def stub(self) -> Any:
        # The generated stubs are typed for one kind of channel only.
        return TroubleServiceStub(self.channel)

    @property
    def kinds(self) -> list[str]:
        """What is wrong, oldest first, as KIND about."""
        return [text(self.open[key]) for key in sorted(self.open)]

    def the(self, kind_and_about: str) -> Alarm:
        """Return the open alarm that is KIND about."""
        (found,) = (one for one in self.open.values() if text(one) == kind_and_about)
        return found

    async def until(self, condition: Callable[[Watcher], bool], within_s: float = 20.0) -> None:
        """Wait until the condition holds."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: condition(self))

    async def acknowledge(self, alarm: Alarm, token: str) -> Alarm:
        """Say as a person that the alarm was seen."""
        request = trouble_service_pb2.AcknowledgeTroubleRequest(trouble_id=alarm.trouble_id)
        answer = await self.stub.AcknowledgeTrouble(request, metadata=bearer(token))
        found: Alarm = answer.trouble
        return found

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Watcher]:
        """Watch for the time of the block; it begins with what is wrong already."""
        work = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(20):
                await self.told.wait()
            yield self
        finally:
            work.cancel()

    async def _watch(self) -> None:
        async for news in self.stub.WatchTroubles(trouble_service_pb2.WatchTroublesRequest(site=self.site)):
            async with self._news:
                self._take(news)
                self._news.notify_all()

    def _take(self, news: trouble_service_pb2.WatchTroublesResponse) -> None:
        match news.WhichOneof("message"):
            case "open":
                self.open = {one.trouble_id: one for one in news.open.troubles}
                self.told.set()
            case "changed" if news.changed.HasField("end_time"):
                self.open.pop(news.changed.trouble_id, None)
                self.over.append(news.changed)
            case "changed":
                self.open[news.changed.trouble_id] = news.changed


def text(alarm: Alarm) -> str:
    """Return KIND about."""
    return f"{trouble_pb2.TroubleKind.Name(alarm.kind).removeprefix('TROUBLE_KIND_')} {alarm.about}"


def beat(view: str = "OK", **figures: Any) -> capture_service_pb2.StreamFacesRequest:
    """A camera's heartbeat that is in order, but for what is said."""
    state = capture_pb2.ViewState.Value(f"VIEW_STATE_{view}")
    heartbeat = capture_service_pb2.Heartbeat(**{"frames_per_second": 12.0, "view_state": state} | figures)
    return capture_service_pb2.StreamFacesRequest(heartbeat=heartbeat)
