"""Keeps the event stream open: connects, resumes after the last event, and connects again when it breaks.

It reports events as `Update` values, and does not know their use.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from enum import StrEnum
from typing import Protocol, cast

import grpc
import structlog

from cekalwatch.contract.calls.alerts import ACKNOWLEDGE_ALERTS, SUBSCRIBE_ALERTS
from cekalwatch.contract.codec.alerts import FILTER, STREAM
from cekalwatch.contract.values.alerts import AlertEvent, AlertFilter, KeepAlive, Subscribed
from cekalwatch.office.client.background_thread import StreamWatchdog
from cekalwatch.office.client.refusals import PERSON_REFUSED, SESSION_OVER, error_reason, refusal_of
from cekalwatch.office.client.service_client import Token
from cekalwatch.office.connection import Cause, Disconnected, LostPosition, Refusal, StartedOver, Update
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer
from cekalwatch.wire.trace_context import TRACE_METADATA

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
"""A later attempt can succeed without anybody doing anything. FAILED_PRECONDITION's reason decides; before others, a
person must change something."""

MISSED_PERIODS = 3
MIN_SILENCE_S = 5.0
"""A server that says how often it sends counts as gone after this many periods without a message, and no sooner."""
REFUSED_PAUSE_S = 15.0
"""Between two attempts while the server does not serve this PC: each refusal costs it something."""
MAX_PAUSE_S = 5.0
"""Between two attempts. Shorter than a camera's: an officer waits, and there are few notifiers."""


CALL_DEADLINE_S = 3.0

log = structlog.get_logger()


class Start(StrEnum):
    """Where a first subscription begins."""

    ACKNOWLEDGED = "ACKNOWLEDGED"
    """After the last event that this agent acknowledged; for a new agent, only future events."""
    BEGINNING = "BEGINNING"
    """From the oldest stored event; with certificates, only for a signed-in person."""
    NOW = "NOW"


class EventCall(Protocol):
    """A subscription's stream; iterating raises grpc.RpcError when it breaks."""

    def __iter__(self) -> Iterator[alert_service_pb2.SubscribeAlertsResponse]:
        """Return the messages."""

    def cancel(self) -> object:
        """End the stream from this side."""


class SubscriptionClient:
    """One agent's calls. It keeps one channel, and replaces it when the agent's certificate or its server changed."""

    def __init__(
        self, dialer: Dialer, agent_id: str, wanted: AlertFilter, session: Token, *, rings_nowhere: bool = False
    ) -> None:
        """`session` has the token of the signed-in person: with it, the stream names people.

        With `rings_nowhere` the agent is a program at whose alerts nobody looks up, and counts as no counter's PC.
        """
        self._dialer = dialer
        self._session = session
        self._sent = ""
        """The token that the last stream was opened with."""
        self._refused = ""
        """The last token that the server refused a stream."""
        self._open()
        self._agent_id = agent_id
        self._filter = FILTER.write(wanted)
        self._rings_nowhere = rings_nowhere

    def close(self) -> None:
        """End every call."""
        self._channel.close()

    @property
    def outdated(self) -> bool:
        """True when the stream should be reopened: the certificate was renewed, or another call lost the server."""
        return self._dialer.outdated

    def reached(self) -> None:
        """Note that the server answers."""
        self._dialer.reached()

    def lost(self) -> None:
        """Note that the server is away; the next stream goes to another, if there is one."""
        self._dialer.lost()

    @property
    def servers(self) -> int:
        """How many servers there are."""
        return len(self._dialer.servers)

    def why_refused(self) -> str:
        """Return why no connection is possible, or an empty text when certificates are not the reason."""
        return self._dialer.why_refused()

    @property
    def person_changed(self) -> bool:
        """True when the stream should be reopened: somebody has signed in or out since."""
        return self._session.token() not in {self._sent, self._refused}

    def forget_refusal(self) -> None:
        """Send the person's token again, also if the server refused it: the person may have more rights now."""
        self._refused = ""

    def leave_person_out(self) -> bool:
        """Open the next stream without the token of the last one; return False when that had none.

        Whatever a person may not see, the PC rings.
        """
        self._refused, self._sent = self._sent, ""
        return bool(self._refused)

    def _open(self) -> None:
        self._channel = self._dialer.channel()

    def subscribe(self, start: Start, after_sequence: int | None) -> EventCall:
        """Open the event stream after `after_sequence`, or as `start` says when it is None."""
        if self.outdated:
            self.close()
            self._open()
        request = alert_service_pb2.SubscribeAlertsRequest(
            agent_id=self._agent_id, filter=self._filter, rings_nowhere=self._rings_nowhere
        )
        if after_sequence is not None:
            request.after_sequence = after_sequence
        elif start is Start.BEGINNING:
            request.from_start.SetInParent()
        elif start is Start.NOW:
            request.now.SetInParent()
        token = self._session.token()
        self._sent = "" if token == self._refused else token
        # No deadline: the stream is meant to last.
        return cast("EventCall", SUBSCRIBE_ALERTS.on(self._channel)(request, metadata=bearer(self._sent)))

    def acknowledge(self, sequence: int, trace: str = "") -> None:
        """Acknowledge to the server that every event up to `sequence` was shown; `trace` is sent too."""
        metadata = ((TRACE_METADATA, trace),) if trace else ()
        asked = ACKNOWLEDGE_ALERTS(agent_id=self._agent_id, sequence=sequence)
        asked.on(self._channel, timeout=CALL_DEADLINE_S, metadata=metadata)


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
        self._silence_timeout_s = self._silence_s = silence_timeout_s
        self._backoff = backoff or Backoff(most_s=MAX_PAUSE_S)
        self._position: int | None = None
        self._came_through = False
        self._misses = 0
        """Streams that ended since a server answered."""
        self._stopped, self._person_came = threading.Event(), threading.Event()
        self._call: EventCall | None = None
        self._problem = ""
        self._refusal: Refusal | None = None

    def stop(self) -> None:
        """End `updates`."""
        self._stopped.set()
        if call := self._call:
            call.cancel()

    def person_came(self) -> None:
        """Open the stream again with the token of who has signed in, so that it names people."""
        self._client.forget_refusal()
        if (call := self._call) and self._client.person_changed:
            self._person_came.set()
            call.cancel()

    def updates(self) -> Iterator[Update]:
        """Yield events until `stop`; raises ProgramError when the history is requested and nobody may see it.

        A refusal ends nothing: the certificate may be renewed, or the server's settings changed, while this goes on.
        """
        while not self._stopped.is_set():
            ending = yield from self._stream()
            if self._stopped.is_set():
                return
            if ending is None:
                continue
            if isinstance(ending, StartedOver):
                yield ending
                self._stopped.wait(self._backoff.next_delay_s())
                continue
            self._client.lost()
            self._misses += 1
            everywhere = self._misses >= self._client.servers
            if everywhere:  # what the next server mends is not worth an officer's look
                yield self._explained(ending)
            refused = everywhere and ending.cause is Cause.REFUSED
            self._stopped.wait(REFUSED_PAUSE_S if refused else self._backoff.next_delay_s())

    def _stream(self) -> Generator[Update, None, Disconnected | StartedOver | None]:
        """Yield one stream's updates, and return the update for its end; None to reopen it at once."""
        self._person_came.clear()
        call = self._client.subscribe(self._start, self._position)
        self._call = call
        if self._stopped.is_set():  # stop() may have looked for a call just before there was this one
            call.cancel()
        with StreamWatchdog(call.cancel) as watch:
            watch.expect_within(self._silence_s)
            try:
                for response in call:
                    if update := STREAM.read(response):
                        self._advance(update)
                        self._hear(update)
                        watch.pause()
                        yield update
                    # The keep-alives bring us here, on the quietest stream.
                    if self._client.outdated or self._client.person_changed:
                        return None
                    watch.expect_within(self._silence_s)
            except grpc.RpcError as error:
                if self._person_came.is_set():
                    return None
                return Disconnected(Cause.SILENT) if watch.fired else self._broken(error)
            except ValueError:  # no server of ours says it
                return Disconnected(Cause.FAILED)
            finally:
                call.cancel()
        return Disconnected(Cause.CLOSED)

    def _hear(self, update: Update) -> None:
        """Expect the next message within the time that the server says, if it does."""
        if isinstance(update, Subscribed | KeepAlive):
            period_s = update.readiness.repeat_period_s if update.readiness else self._silence_timeout_s
            self._silence_s = min(self._silence_timeout_s, max(MIN_SILENCE_S, MISSED_PERIODS * period_s))

    def _advance(self, update: Update) -> None:
        """Record the position of this stream.

        Where the server's own position is asked for, it is asked for again after a break: it belongs to the log, while
        a number kept here would skip the beginning of a new log that has already grown past it. What came and was not
        acknowledged comes twice then, and the inbox drops it.
        """
        if isinstance(update, Subscribed):
            self._client.reached()
            self._misses = 0
            self._backoff.reset()
            self._came_through = True
            self._refusal = None
        if self._start is Start.ACKNOWLEDGED:
            return
        if isinstance(update, Subscribed):
            self._position = update.after_sequence
        elif isinstance(update, AlertEvent):
            self._position = update.sequence

    def _broken(self, error: grpc.RpcError) -> Disconnected | StartedOver | None:
        """Return what the end of a stream means, None to reopen it at once; raises ProgramError as `updates` says."""
        code = error.code()
        if code in RETRYABLE_CODES:
            return Disconnected(Cause.UNREACHABLE if code is grpc.StatusCode.UNAVAILABLE else Cause.FAILED)
        reason = error_reason(error)
        if code is grpc.StatusCode.FAILED_PRECONDITION and reason in set(LostPosition):
            self._position = None
            self._start = Start.BEGINNING
            self._came_through = True
            return StartedOver(LostPosition(reason))
        if reason in SESSION_OVER and self._start is Start.BEGINNING and not self._came_through:
            raise ProgramError(
                "Sign in first: who has not signed in sees no history (cekalwatch-notifier sign-in)", Exit.REFUSED
            )
        with_person = reason in PERSON_REFUSED and self._client.leave_person_out()
        if with_person or (reason in SESSION_OVER and self._start is not Start.ACKNOWLEDGED):
            # The person has gone, or may not see alerts; what this agent has not had yet needs nobody.
            self._position = None
            self._start = Start.ACKNOWLEDGED
            return None
        refusal = refusal_of(error)
        if refusal != self._refusal:
            log.error("subscription_refused", code=refusal.code)
        self._refusal = refusal
        return Disconnected(Cause.REFUSED, refusal)

    def _explained(self, ending: Disconnected) -> Disconnected:
        if ending.cause is not Cause.UNREACHABLE:
            return ending
        problem = self._client.why_refused()
        if problem and problem != self._problem:
            log.warning("certificate_refused", problem=problem)
        self._problem = problem
        return Disconnected(Cause.CERTIFICATE) if problem else ending
