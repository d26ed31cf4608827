"""Processes one capture after another: embed, decide, and make the receipt. No capture is processed twice.

Domain rule 13: neither the content of a receipt nor its time depends on the result. A receipt leaves a fixed delay
after its capture arrived, or a multiple of that delay when the work takes longer, which depends on load. It says
ACCEPTED only if the database has accepted a write since then, which every capture requests. If anything could not be
committed, every capture that waits for its receipt gets RETRY, and so do new ones until the database is well.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from uuid import UUID

import structlog

from cekalwatch.contract.values.captures import CaptureOutcome, CaptureReceipt
from cekalwatch.program.traces import TRACES
from cekalwatch.server.capture.database_health import DatabaseHealth
from cekalwatch.server.capture.deciding import EmbeddedCapture, EmptyGalleryError, OtherModelError
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.captures import Capture, Rejected
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.health.probes import Measure, unmeasured
from cekalwatch.server.recognition.probes import Probe

MAX_REMEMBERED = 100_000
"""Capture ids that are kept in memory, so that a repeated capture costs nothing and does not count as a new passage. A
capture that alerted is in the database as well, and changes nothing there a second time."""

MOMENT_S = 0.02
"""Receipts leave at whole multiples of this time, so that one message of a stream has all those of a moment."""

MAX_ATTEMPTS = 5
"""How often one capture is embedded; a change of the model makes a second time necessary."""

log = structlog.get_logger()

Outcome = tuple[CaptureOutcome, Code | None]
ACCEPTED: Outcome = (CaptureOutcome.ACCEPTED, None)
AWAY: Outcome = (CaptureOutcome.RETRY, Code.STORAGE_UNAVAILABLE)


class CaptureProcessor:
    """Deals with every capture; only the event loop's thread uses it."""

    def __init__(
        self,
        embedder: BatchWorker[Capture, Probe],
        decider: BatchWorker[EmbeddedCapture, CaptureOutcome],
        health: DatabaseHealth,
        receipt_delay_s: float,
        measure: Measure = unmeasured,
    ) -> None:
        """`measure` gets the time of each capture from its arrival to its receipt."""
        self._embedder = embedder
        self._decider = decider
        self._health = health
        self._delay_s = receipt_delay_s
        self._measure = measure
        self._done: OrderedDict[UUID, None] = OrderedDict()
        self._working: set[asyncio.Task[Outcome]] = set()
        self.outcomes: Counter[CaptureOutcome] = Counter()
        self.unplaceable = 0
        """Rejected captures whose time could not be placed."""

    async def process(self, capture: Capture | Rejected, taken: Callable[[], None]) -> CaptureReceipt:
        """Deal with `capture`, and return its receipt when it is to leave; no error of one capture is raised.

        `taken` is called once, when the capture no longer waits to be embedded.
        """
        came_s = asyncio.get_running_loop().time()
        if isinstance(capture, Rejected):
            receipt = await self._receipt_for(capture, taken, came_s)
        else:
            with TRACES.span("capture.receive", capture.trace, camera=capture.camera.camera_id):
                receipt = await self._receipt_for(capture, taken, came_s)
        self._measure(asyncio.get_running_loop().time() - came_s)
        return receipt

    async def _receipt_for(
        self, capture: Capture | Rejected, taken: Callable[[], None], came_s: float
    ) -> CaptureReceipt:
        if isinstance(capture, Rejected):
            taken()
            self.unplaceable += capture.reason is Code.CAPTURE_TIME_UNPLACEABLE
            await self._next_tick(came_s)
            return self._receipt(capture.capture_id, (CaptureOutcome.REJECTED, capture.reason))
        if not self._health.well:
            taken()
            await self._next_tick(came_s)
            return self._receipt(str(capture.capture_id), AWAY)
        work = asyncio.create_task(self._dealt_with(capture, taken))
        self._working.add(work)  # it continues when the stream breaks, since the capture has arrived
        work.add_done_callback(self._working.discard)
        self._health.expect(came_s + self._delay_s / 2)
        return self._receipt(str(capture.capture_id), await self._outcome(work, came_s))

    async def _outcome(self, work: asyncio.Task[Outcome], came_s: float) -> Outcome:
        while True:
            await self._next_tick(came_s)
            if self._health.failed_since(came_s):
                return AWAY
            # The write began when the work is done as a rule, so that a database that goes away in between is found
            # out for all captures, and not for those alone that had something to commit.
            if work.done() and self._health.sound_since(came_s + self._delay_s / 2):
                return work.result()

    async def _next_tick(self, came_s: float) -> None:
        """Wait until a whole multiple of the delay has passed since `came_s`, and then for the next moment."""
        now_s = asyncio.get_running_loop().time()
        due_s = came_s + self._delay_s * ((now_s - came_s) // self._delay_s + 1)
        await asyncio.sleep(math.ceil(due_s / MOMENT_S) * MOMENT_S - now_s)

    async def _dealt_with(self, capture: Capture, taken: Callable[[], None]) -> Outcome:
        if capture.capture_id in self._done:
            taken()
            return ACCEPTED
        try:
            await self._search(capture, taken)
        except CekalwatchError as error:
            return CaptureOutcome.REJECTED if error.of_the_request else CaptureOutcome.RETRY, error.code
        except Exception:  # a defect must not end the camera's stream; the capture is sent again
            log.exception("capture_failed", camera_id=capture.camera.camera_id)
            return CaptureOutcome.RETRY, Code.INTERNAL
        self._done[capture.capture_id] = None
        if len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)
        return ACCEPTED

    async def _search(self, capture: Capture, taken: Callable[[], None]) -> None:
        """Embed and decide, and again when the gallery has changed to another model in between (domain rule 11)."""
        for attempt in range(MAX_ATTEMPTS):
            try:
                with TRACES.span("capture.embed", capture.trace):
                    probe = await self._embedder.do(capture)
            finally:
                if attempt == 0:
                    taken()
            try:
                with TRACES.span("capture.decide", capture.trace):
                    await self._decider.do(EmbeddedCapture(capture, probe))
            except OtherModelError:
                log.info("capture_embedded_again", camera_id=capture.camera.camera_id)
            except EmptyGalleryError:
                raise  # that is so for all alike
            except Exception as error:
                # Only captures that alert can fail here, so all others must get the same answer.
                self._health.note_failure(str(error) or type(error).__name__)
                raise
            else:
                return
        raise CekalwatchError(Code.SERVER_BUSY, "the model changed each time")

    def _receipt(self, capture_id: str, outcome: Outcome) -> CaptureReceipt:
        """Make a receipt, and count it."""
        self.outcomes[outcome[0]] += 1
        kind, reason = outcome
        return CaptureReceipt(capture_id, kind, reason or "")
