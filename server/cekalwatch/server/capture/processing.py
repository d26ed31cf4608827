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
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from cekalwatch.contract.values.captures import CaptureOutcome, CaptureReceipt
from cekalwatch.program.traces import TRACES
from cekalwatch.server.capture.database_health import DatabaseHealth
from cekalwatch.server.capture.deciding import EmbeddedCapture, EmptyGalleryError, OtherModelError
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.captures import Capture, Rejected
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.foundation.probes import Measure, unmeasured
from cekalwatch.server.recognition.probes import Probe

MAX_REMEMBERED = 100_000
"""Capture ids that are kept in memory, so that a repeated capture costs nothing and does not count as a new passage. A
capture that alerted is in the database as well, and changes nothing there a second time."""

MOMENT_S = 0.05
"""Receipts leave at whole multiples of this time, so that one message of a stream has all those of a moment."""

MAX_ATTEMPTS = 5
"""How often one capture is embedded; a change of the model makes a second time necessary."""

log = structlog.get_logger()

Outcome = tuple[CaptureOutcome, Code | None]
ACCEPTED: Outcome = (CaptureOutcome.ACCEPTED, None)
AWAY: Outcome = (CaptureOutcome.RETRY, Code.STORAGE_UNAVAILABLE)


@dataclass(eq=False)
class _ReceiptDue:
    """A capture that waits for its receipt: `known` is what it says, otherwise `work` finds it."""

    capture_id: str
    came_s: float
    receipt: asyncio.Future[CaptureReceipt]
    known: Outcome | None = None
    work: asyncio.Task[Outcome] | None = None


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
        self._done: OrderedDict[str, None] = OrderedDict()
        self._working: set[asyncio.Task[Outcome]] = set()
        self._leaving: dict[int, list[_ReceiptDue]] = {}
        """The captures whose receipts may leave at a moment, by its number."""
        self.outcomes: Counter[CaptureOutcome] = Counter()
        self.unplaceable = 0
        """Rejected captures whose time could not be placed."""

    @property
    def oldest_s(self) -> float:
        """How long the oldest capture has waited to be embedded, seconds; 0 when none waits."""
        return self._embedder.oldest_s

    def process(self, capture: Capture | Rejected, taken: Callable[[], None]) -> asyncio.Future[CaptureReceipt]:
        """Deal with `capture`, and return what gets its receipt when it is to leave; no error of one capture is raised.

        `taken` is called once, when the capture no longer waits to be embedded.
        """
        loop = asyncio.get_running_loop()
        waiting = _ReceiptDue(capture.capture_id, loop.time(), loop.create_future())
        if isinstance(capture, Rejected):
            taken()
            self.unplaceable += capture.reason is Code.CAPTURE_TIME_UNPLACEABLE
            waiting.known = CaptureOutcome.REJECTED, capture.reason
        else:
            span = ExitStack()
            span.enter_context(TRACES.span("capture.receive", capture.trace, camera=capture.camera.camera_id))
            waiting.receipt.add_done_callback(lambda _: span.close())
            self._begin(capture, taken, waiting)
        self._leave_later(waiting)
        return waiting.receipt

    def _begin(self, capture: Capture, taken: Callable[[], None], waiting: _ReceiptDue) -> None:
        if not self._health.well:
            taken()
            waiting.known = AWAY
            return
        waiting.work = asyncio.create_task(self._dealt_with(capture, taken))
        self._working.add(waiting.work)  # it continues when the stream breaks, since the capture has arrived
        waiting.work.add_done_callback(self._working.discard)
        self._health.expect(waiting.came_s + self._delay_s / 2)

    def _leave_later(self, waiting: _ReceiptDue) -> None:
        """Look when a whole multiple of the delay has passed since the capture came, at the next moment."""
        loop = asyncio.get_running_loop()
        due_s = waiting.came_s + self._delay_s * ((loop.time() - waiting.came_s) // self._delay_s + 1)
        moment = math.ceil(due_s / MOMENT_S)
        if moment not in self._leaving:
            self._leaving[moment] = []
            loop.call_at(moment * MOMENT_S, self._leave, moment)
        self._leaving[moment].append(waiting)

    def _leave(self, moment: int) -> None:
        now_s = asyncio.get_running_loop().time()
        for waiting in self._leaving.pop(moment):
            if waiting.receipt.cancelled():
                continue
            outcome = self._outcome(waiting)
            if outcome is None:
                self._leave_later(waiting)
                continue
            kind, reason = outcome
            self.outcomes[kind] += 1
            waiting.receipt.set_result(CaptureReceipt(waiting.capture_id, kind, reason or ""))
            self._measure(now_s - waiting.came_s)

    def _outcome(self, waiting: _ReceiptDue) -> Outcome | None:
        """Return what the receipt says; None while nothing can be said."""
        if waiting.known:
            return waiting.known
        if self._health.failed_since(waiting.came_s):
            return AWAY
        # The write began when the work is done as a rule, so that a database that goes away in between is found
        # out for all captures, and not for those alone that had something to commit.
        if waiting.work and waiting.work.done() and self._health.sound_since(waiting.came_s + self._delay_s / 2):
            return waiting.work.result()
        return None

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
