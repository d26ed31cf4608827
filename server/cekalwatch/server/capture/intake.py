"""Processes one capture after another: embed, decide, and make the receipt. No capture is processed twice."""

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

MAX_REMEMBERED = 100_000
"""Capture ids that are kept in memory, so that a capture of a traveller who matched nobody is recognised when it is
sent again, without a trace on the disk. Those that alerted are in the database as well."""

MAX_ATTEMPTS = 5
"""How often one capture is embedded; a change of the model makes a second time necessary."""

log = structlog.get_logger()


class Intake:
    """Processes every capture; only the event loop's thread uses it."""

    def __init__(
        self,
        embedder: BatchWorker[Capture, Probe],
        decider: BatchWorker[EmbeddedCapture, CaptureOutcome],
    ) -> None:
        self._embedder = embedder
        self._decider = decider
        self._done: OrderedDict[UUID, None] = OrderedDict()
        self.outcomes: Counter[CaptureOutcome] = Counter()

    async def process(self, capture: Capture) -> Receipt:
        """Process `capture` and return its receipt; no error of one capture is raised."""
        if capture.capture_id in self._done:
            return self.receipt(capture.capture_id, CaptureOutcome.DUPLICATE)
        try:
            outcome = await self._searched(capture)
        except CekalwatchError as error:
            lasting = error.code.kind is Kind.INVALID_ARGUMENT
            return self.receipt(
                capture.capture_id, CaptureOutcome.REJECTED if lasting else CaptureOutcome.RETRY, error.code
            )
        except Exception:  # a defect must not end the camera's stream; the capture is sent again
            log.exception("capture_failed", camera_id=capture.camera.camera_id)
            return self.receipt(capture.capture_id, CaptureOutcome.RETRY, Code.INTERNAL)
        self._done[capture.capture_id] = None
        if len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)
        return self.receipt(capture.capture_id, outcome)

    async def _searched(self, capture: Capture) -> CaptureOutcome:
        """Embed and decide, and again when the gallery has changed to another model in between (domain rule 11)."""
        for _ in range(MAX_ATTEMPTS):
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
