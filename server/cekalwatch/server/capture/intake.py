"""Deals with one capture for good: embed, decide, and say what became of it. A capture is never dealt with twice."""

from __future__ import annotations

from collections import Counter, OrderedDict
from uuid import UUID

import structlog

from cekalwatch.server.capture.deciding import EmbeddedCapture, OtherModelError
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.captures import Capture, Receipt
from cekalwatch.server.domain.errors import CekalwatchError, Code, Kind
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.wire.vocabulary.capture import CaptureOutcome

REMEMBERED = 100_000
"""Capture ids that are remembered, in memory: a re-sent capture of a traveller who matched nobody is recognised without
a trace on the disk. Those that alerted are found in the database besides."""

MAX_MODELS = 5
"""How often one capture is embedded; a change of the model costs it a second time."""

log = structlog.get_logger()


class Intake:
    """The way of every capture; it belongs to the event loop's thread."""

    def __init__(
        self,
        embedder: BatchWorker[Capture, Probe],
        decider: BatchWorker[EmbeddedCapture, CaptureOutcome],
    ) -> None:
        self._embedder = embedder
        self._decider = decider
        self._done: OrderedDict[UUID, None] = OrderedDict()
        self.outcomes: Counter[CaptureOutcome] = Counter()

    async def take(self, capture: Capture) -> Receipt:
        """Return what became of `capture`; only a defect of the server raises."""
        if capture.capture_id in self._done:
            return self.receipt(capture.capture_id, CaptureOutcome.DUPLICATE)
        try:
            outcome = await self._searched(capture)
        except CekalwatchError as error:
            lasting = error.code.kind is Kind.INVALID_ARGUMENT
            return self.receipt(
                capture.capture_id, CaptureOutcome.REJECTED if lasting else CaptureOutcome.RETRY, error.code
            )
        except Exception:  # a defect must cost this capture a retry, not its camera the stream
            log.exception("capture_failed", camera_id=capture.camera.camera_id)
            return self.receipt(capture.capture_id, CaptureOutcome.RETRY, Code.INTERNAL)
        self._done[capture.capture_id] = None
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        return self.receipt(capture.capture_id, outcome)

    async def _searched(self, capture: Capture) -> CaptureOutcome:
        """Embed and decide; anew when the gallery changed to another model in between (domain rule 8)."""
        for _ in range(MAX_MODELS):
            probe = await self._embedder.do(capture)
            try:
                return await self._decider.do(EmbeddedCapture(capture, probe))
            except OtherModelError:
                log.info("capture_embedded_again", camera_id=capture.camera.camera_id)
        raise CekalwatchError(Code.SERVER_BUSY, "the model changed each time")

    def receipt(self, capture_id: UUID | str, outcome: CaptureOutcome, reason: Code | None = None) -> Receipt:
        """Make a receipt, and count it."""
        self.outcomes[outcome] += 1
        return Receipt(str(capture_id), outcome, reason)
