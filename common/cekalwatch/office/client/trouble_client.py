"""The calls of TroubleService, and the stream that tells what is wrong. Protobuf types stop here.

The stream is connected again for ever: troubles are told beside the alerts, and must not end their delivery.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

import grpc
import structlog

from cekalwatch.office.client.stream_watchdog import StreamWatchdog
from cekalwatch.office.client.token import Token
from cekalwatch.office.model.safe_text import safe_text
from cekalwatch.office.model.trouble import Trouble, Troubles
from cekalwatch.v1 import trouble_pb2, trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.bounds import MAX_PAGE
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer
from cekalwatch.wire.vocabulary.proto_enums import ProtoEnum
from cekalwatch.wire.vocabulary.troubles import TroubleKind

DEADLINE_S = 5.0
MAX_PAUSE_S = 5.0
"""Between two attempts to watch."""
_KINDS = ProtoEnum(trouble_pb2.TroubleKind, "TROUBLE_KIND", TroubleKind)

log = structlog.get_logger()


class TroubleClient:
    """One PC's calls about troubles. `updates` runs in one thread; the rest may be called from any."""

    def __init__(self, dialer: Dialer, site: str, session: Token, silence_timeout_s: float) -> None:
        """`site`: only what is there and what concerns all; empty: all that this PC may see.

        No message for `silence_timeout_s` seconds counts as a lost connection.
        """
        self._dialer = dialer
        self._site = site
        self._session = session
        self._silence_timeout_s = silence_timeout_s
        self._backoff = Backoff(most_s=MAX_PAUSE_S)
        self._stopped = threading.Event()
        self._call: Any = None
        self._away = False
        """Whether the newest stream ended because its server is away or ends."""
        self._refused: grpc.StatusCode | None = None

    def acknowledge(self, trouble_id: str) -> Trouble:
        """Record that the person who is signed in has seen a trouble; errors stay grpc.RpcError."""
        request = trouble_service_pb2.AcknowledgeTroubleRequest(trouble_id=trouble_id)
        with closing(Calls(self._dialer)) as calls:
            answer = self._answer(calls, lambda stub: stub.AcknowledgeTrouble, request)
        return trouble(answer.trouble)

    def listed(self, begin_from: datetime) -> Iterator[Trouble]:
        """Yield the troubles that began from then on, newest first, page by page; errors stay grpc.RpcError."""
        request = trouble_service_pb2.ListTroublesRequest(site=self._site, page_size=MAX_PAGE)
        request.begin_from.FromDatetime(begin_from)
        with closing(Calls(self._dialer)) as calls:
            while True:
                answer = self._answer(calls, lambda stub: stub.ListTroubles, request)
                yield from map(trouble, answer.troubles)
                request.page_token = answer.next_page_token
                if not request.page_token:
                    return

    def _answer(self, calls: Calls, method: Callable[[TroubleServiceStub], Callable[..., Any]], request: object) -> Any:  # noqa: ANN401  # each method has an answer of its own
        metadata = bearer(self._session.token())
        return calls.make(
            lambda channel, left_s: method(TroubleServiceStub(channel))(request, timeout=left_s, metadata=metadata),
            DEADLINE_S,
        )

    def stop(self) -> None:
        """End `updates`."""
        self._stopped.set()
        if call := self._call:
            call.cancel()

    def updates(self) -> Iterator[Troubles]:
        """Yield what is wrong, at first and after each change, until `stop`."""
        while not self._stopped.is_set():
            yield from self._stream()
            if self._away:
                self._dialer.lost()
            self._stopped.wait(self._backoff.next_delay_s())

    def _stream(self) -> Iterator[Troubles]:
        with self._dialer.channel() as channel:
            self._away = False
            request = trouble_service_pb2.WatchTroublesRequest(site=self._site)
            call = TroubleServiceStub(channel).WatchTroubles(request)
            self._call = call
            if self._stopped.is_set():  # stop() may have looked for a call just before there was this one
                call.cancel()
            with StreamWatchdog(call.cancel) as watch:
                watch.expect_within(self._silence_timeout_s)
                try:
                    yield from self._read(cast("Iterator[trouble_service_pb2.WatchTroublesResponse]", call), watch)
                    self._away = not self._dialer.outdated
                except grpc.RpcError as error:
                    self._away = watch.fired or error.code() is grpc.StatusCode.UNAVAILABLE
                    self._note(error.code())
                finally:
                    call.cancel()

    def _read(
        self, call: Iterator[trouble_service_pb2.WatchTroublesResponse], watch: StreamWatchdog
    ) -> Iterator[Troubles]:
        known: dict[str, Trouble] = {}
        for news in call:
            match news.WhichOneof("message"):
                case "open":
                    known = {one.trouble_id: one for one in map(trouble, news.open.troubles)}
                    self._backoff.reset()
                    self._dialer.reached()
                    self._refused = None
                case "changed":
                    one = trouble(news.changed)
                    known.pop(one.trouble_id, None)
                    if one.ended_at is None:
                        known[one.trouble_id] = one
                case _:
                    if self._dialer.outdated:  # a certificate that was renewed is shown with a new connection
                        return
                    watch.expect_within(self._silence_timeout_s)
                    continue
            watch.pause()
            yield tuple(known[key] for key in sorted(known))
            watch.expect_within(self._silence_timeout_s)

    def _note(self, code: grpc.StatusCode) -> None:
        """Log what keeps troubles from coming, once; that the server is away is told by the alerts' stream."""
        if code not in {self._refused, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
            log.warning("troubles_not_told", code=code.name)
            self._refused = code


def trouble(message: trouble_pb2.Trouble) -> Trouble:
    """Return a trouble as the notifier holds it; unsafe text stops here."""
    return Trouble(
        trouble_id=safe_text(message.trouble_id),
        kind=_KINDS.member(message.kind),
        about=safe_text(message.about),
        site=safe_text(message.site),
        counter=safe_text(message.counter),
        began_at=message.begin_time.ToDatetime(UTC),
        ended_at=_moment(message),
        acknowledged_by=safe_text(message.acknowledged_by.display_name or message.acknowledged_by.person_id),
        details=MappingProxyType({safe_text(name): safe_text(value) for name, value in message.details.items()}),
    )


def _moment(message: trouble_pb2.Trouble) -> datetime | None:
    return message.end_time.ToDatetime(UTC) if message.HasField("end_time") else None
