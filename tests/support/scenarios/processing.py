"""The server's processor of captures with parts that a test scripts, and the health of a database beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.capture.database_health import DatabaseHealth
from cekalwatch.server.capture.deciding import EmbeddedCapture
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.recognition.probes import Probe

DELAY_S = 0.15

Embed = Callable[[list[Capture]], Sequence[Probe | Exception]]
Decide = Callable[[list[EmbeddedCapture]], Sequence[CaptureOutcome | Exception]]


async def write_at_once(_: bool) -> None:
    """A database that takes everything."""


@asynccontextmanager
async def open_processor(
    embed: Embed,
    decide: Decide,
    *,
    try_write: Callable[[bool], Awaitable[None]] = write_at_once,
    delay_s: float = DELAY_S,
    batch: int = 1,
) -> AsyncIterator[CaptureProcessor]:
    """A processor whose threads embed and decide as told."""
    embedding = BatchWorker("embed", embed, threads=1, most=batch)
    deciding = BatchWorker("decide", decide, threads=1, most=batch)
    health = DatabaseHealth(try_write, delay_s / 4)
    watching = asyncio.create_task(LOOPS.keep("probe_database", health.write_expected))
    try:
        yield CaptureProcessor(embedding, deciding, health, delay_s)
    finally:
        watching.cancel()
        await asyncio.to_thread(embedding.close)
        await asyncio.to_thread(deciding.close)


def nothing() -> None:
    """What is done when a capture is taken in, for a test that does not ask."""
