"""The calls of TroubleService, and its stream of alarms."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import grpc
import structlog

from cekalwatch.contract.calls import alarms as calls
from cekalwatch.contract.codec.alarms import NEWS
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.alarms import Alarm, Alarms, OpenAlarms
from cekalwatch.office.client.background_thread import StreamWatchdog
from cekalwatch.office.client.service_client import ServiceClient, Token
from cekalwatch.v1 import trouble_service_pb2
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.bounds import CHEAP_PAGE, MAX_PAGE
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer


class AlarmClient(ServiceClient):
    """One person's calls about alarms; any thread may make them."""

    deadline_s = 5.0

    def __init__(self, calls: Calls, site: str, session: Token) -> None:
        """`site`: only its alarms, and those that concern all; empty: all that this PC may see."""
        super().__init__(calls, session)
        self._site = site

    def acknowledge(self, alarm_id: str) -> Alarm:
        """Record that the signed-in person acknowledges an alarm; errors stay grpc.RpcError."""
        return self.ask(calls.ACKNOWLEDGE_TROUBLE(trouble_id=alarm_id))

    def open(self) -> Alarms:
        """Return the present alarms, as a device alone may see them; errors stay grpc.RpcError.

        It ends a stream of alarms that this device has open.
        """
        told = NEWS.read(self.ask(calls.WATCH_TROUBLES(site=self._site)))
        return told.alarms if isinstance(told, OpenAlarms) else ()

    def listed(self, begin_from: datetime) -> Iterator[Alarm]:
        """Yield the alarms that began from then on, newest first, page by page; errors stay grpc.RpcError."""
        since, size, token = timestamp(begin_from), CHEAP_PAGE, ""
        while size == CHEAP_PAGE or token:
            page, token = self.ask(
                calls.LIST_TROUBLES(site=self._site, begin_from=since, page_size=size, page_token=token)
            )
            yield from page
            size = MAX_PAGE


MAX_PAUSE_S = 5.0
"""Between two attempts to watch."""

log = structlog.get_logger()


class AlarmSubscription:
    """The alarms that one PC receives.

    It reconnects again and again: alarms must never end the delivery of alerts.
    `updates` runs in one thread; `stop` may be called from any.
    """

    def __init__(self, dialer: Dialer, site: str, silence_timeout_s: float) -> None:
        """`site`: only what is there and what concerns all; empty: all that this PC may see.

        No message for `silence_timeout_s` seconds counts as a lost connection.
        """
        self._dialer = dialer
        self._site = site
        self._silence_timeout_s = silence_timeout_s
        self._backoff = Backoff(most_s=MAX_PAUSE_S)
        self._stopped = threading.Event()
        self._call: Any = None
        self._away = False
        """Whether the newest stream ended because its server is away or ends."""
        self._refused: grpc.StatusCode | None = None

    def stop(self) -> None:
        """End `updates`."""
        self._stopped.set()
        if call := self._call:
            call.cancel()

    def updates(self) -> Iterator[Alarms]:
        """Yield the present alarms, at first and after each change, until `stop`."""
        while not self._stopped.is_set():
            yield from self._stream()
            if self._away:
                self._dialer.lost()
            self._stopped.wait(self._backoff.next_delay_s())

    def _stream(self) -> Iterator[Alarms]:
        with self._dialer.channel() as channel:
            self._away = False
            call = calls.WATCH_TROUBLES(site=self._site).on(channel)
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
                except ValueError:  # no server of ours says it
                    self._away = True
                    self._note(grpc.StatusCode.INTERNAL)
                finally:
                    call.cancel()

    def _read(
        self, call: Iterator[trouble_service_pb2.WatchTroublesResponse], watch: StreamWatchdog
    ) -> Iterator[Alarms]:
        known: dict[str, Alarm] = {}
        for message in call:
            match NEWS.read(message):
                case OpenAlarms(alarms):
                    known = {one.alarm_id: one for one in alarms}
                    self._backoff.reset()
                    self._dialer.reached()
                    self._refused = None
                case Alarm() as one:
                    known.pop(one.alarm_id, None)
                    if one.ended_at is None:
                        known[one.alarm_id] = one
                case _:
                    if self._dialer.outdated:  # a certificate that was renewed is shown with a new connection
                        return
                    watch.expect_within(self._silence_timeout_s)
                    continue
            watch.pause()
            yield tuple(known[key] for key in sorted(known))
            watch.expect_within(self._silence_timeout_s)

    def _note(self, code: grpc.StatusCode) -> None:
        """Log once why alarms do not arrive; the alerts' stream reports an unavailable server."""
        if code not in {self._refused, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
            log.warning("troubles_not_told", code=code.name)
            self._refused = code
