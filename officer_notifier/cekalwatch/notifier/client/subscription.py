"""The event stream, kept up: connects, resumes after the last event, and connects again when it breaks.

It tells what happens as `Update` values, and does not know what is done with them.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import grpc
import structlog

from cekalwatch.notifier.client import messages as convert
from cekalwatch.notifier.client.refusals import error_reason
from cekalwatch.notifier.client.silence import SilenceWatch
from cekalwatch.notifier.client.subscription_client import EventCall, Start, SubscriptionClient
from cekalwatch.notifier.model.updates import (
    AlertEvent,
    Cause,
    Connected,
    Disconnected,
    LostPosition,
    StartedOver,
    Update,
)
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.backoff import Backoff

RETRYABLE_CODES = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""A later attempt can succeed without anybody doing anything."""

TERMINATING_CODES = frozenset(
    {
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""A person must change something first. FAILED_PRECONDITION is in neither: its reason decides."""

log = structlog.get_logger()

MAX_PAUSE_S = 5.0
"""Between two attempts. Shorter than a camera's: an officer waits, and there are few notifiers."""


class Subscription:
    """One agent's subscription. `updates` runs in one thread; `stop` may be called from any."""

    def __init__(
        self,
        client: SubscriptionClient,
        start: Start,
        silence_timeout_s: float,
        backoff: Backoff | None = None,
    ) -> None:
        """Nothing is sent before `updates`; no message for `silence_timeout_s` seconds counts as a lost connection."""
        self._client = client
        self._start = start
        self._silence_timeout_s = silence_timeout_s
        self._backoff = backoff or Backoff(most_s=MAX_PAUSE_S)
        self._position: int | None = None
        self._stopped = threading.Event()
        self._call: EventCall | None = None
        self._problem = ""

    def stop(self) -> None:
        """End `updates`."""
        self._stopped.set()
        if call := self._call:
            call.cancel()

    def updates(self) -> Iterator[Update]:
        """Yield what happens until `stop`; raises ProgramError when no later attempt can succeed."""
        while not self._stopped.is_set():
            ending = yield from self._stream()
            if self._stopped.is_set():
                return
            if ending is None:
                continue
            yield ending
            self._stopped.wait(self._backoff.next_delay_s())

    def _stream(self) -> Generator[Update, None, Disconnected | StartedOver | None]:
        """Yield one stream's updates, and return the one that tells of its end; None for a renewed certificate."""
        call = self._client.subscribe(self._start, self._position)
        self._call = call
        if self._stopped.is_set():  # stop() may have looked for a call just before there was this one
            call.cancel()
        with SilenceWatch(call.cancel) as watch:
            watch.expect_within(self._silence_timeout_s)
            try:
                for response in call:
                    if update := convert.update(response):
                        self._advance(update)
                        watch.pause()
                        yield update
                    if self._client.outdated:  # the keep-alives bring us here, on the quietest stream
                        return None
                    watch.expect_within(self._silence_timeout_s)
            except grpc.RpcError as error:
                return Disconnected(Cause.SILENT) if watch.fired else self._broken(error)
            finally:
                call.cancel()
        return Disconnected(Cause.CLOSED)

    def _advance(self, update: Update) -> None:
        """Note how far this stream has come.

        Where the server's own position is asked for, it is asked for again after a break: it belongs to the log, while
        a number kept here would skip the beginning of a new log that has already grown past it. What came and was not
        acknowledged comes twice then, and the inbox drops it.
        """
        if isinstance(update, Connected):
            self._backoff.reset()
        if self._start is Start.ACKNOWLEDGED:
            return
        if isinstance(update, Connected):
            self._position = update.after_sequence
        elif isinstance(update, AlertEvent):
            self._position = update.sequence

    def _broken(self, error: grpc.RpcError) -> Disconnected | StartedOver:
        """Say what the end of a stream means; raises ProgramError when it is for good."""
        code = error.code()
        if code in RETRYABLE_CODES:
            return Disconnected(self._unreachable() if code is grpc.StatusCode.UNAVAILABLE else Cause.FAILED)
        reason = error_reason(error)
        if code is grpc.StatusCode.FAILED_PRECONDITION and reason in set(LostPosition):
            self._position = None
            self._start = Start.BEGINNING
            return StartedOver(LostPosition(reason))
        raise ProgramError(
            f"The server refuses the subscription ({code.name}{f', {reason}' if reason else ''}): {error.details()}",
            Exit.CONFIG,
        )

    def _unreachable(self) -> Cause:
        problem = self._client.why_refused()
        if problem and problem != self._problem:
            log.warning("certificate_refused", problem=problem)
        self._problem = problem
        return Cause.CERTIFICATE if problem else Cause.UNREACHABLE
