"""Tells a control room over MQTT: retained, what is the case now, and each begin and end of an alarm.

What is the case is read from the server each time, sent when it changes and again before the broker forgets it: what a
dead server said last does not stand. Alarms are sent from the last position on, which is stored in the database and
moves when the broker has confirmed them: an outage of either side loses none, but may repeat the last ones.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol
from urllib.parse import quote

import structlog

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.extensions.notices.collector import AlarmNotices, unseen
from cekalwatch.extensions.notices.domain import Notice, stamp
from cekalwatch.extensions.notices.onvif_events import OnvifEvents
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.concurrency.outbox import DeliveryError, Dispatcher, Failing
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.wire.backoff import Backoff

TARGET: Final = "mqtt:"
"""Not a valid name of a webhook."""
ALARMS: Final = "troubles"
MAX_PAGES: Final = 20
STATE_EXPIRY_S: Final = 60
REPEAT_S: Final = 20.0
"""What has not changed is sent again after this time."""
EVENT_EXPIRY_S: Final = 72 * 3600
MAX_TOLD: Final = 100
"""Open alarms that one message names; the others are only counted."""
FIRST_PAUSE_S: Final = 2.0
MAX_PAUSE_S: Final = 60.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Message:
    """What is published at a topic below that of the settings."""

    topic: str
    text: str
    expires_s: int
    """After that many seconds the broker forgets it; 0: never."""
    retained: bool
    """Whether the broker keeps it for who subscribes later."""


class Broker(Protocol):
    """Where messages are published."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as the last call has seen."""

    def keep(self) -> None:
        """Read what the broker says, and send a sign of life when it is due."""

    def send(self, messages: Sequence[Message]) -> None:
        """Publish messages, and return when the broker has taken all; raises DeliveryError, and then is closed."""


@dataclass(frozen=True)
class Batch:
    """Messages, and the position in the changes of alarms after them; None: they are states."""

    messages: Sequence[Message]
    reached: int | None = None


@dataclass(frozen=True)
class ControlRoomStates:
    """What is the case now at each counter and site. Reading blocks; raises StorageError."""

    cameras: Sequence[Camera]
    readiness: Callable[[AlertFilter], Readiness]
    """Whether a listed traveller would ring, as the server that sends sees it."""
    alarms: Callable[[], Sequence[StoredAlarm]]
    """Those that are open."""
    alerts: Callable[[], Mapping[tuple[str, str], Mapping[AlertState, int]]]
    """Counts the open alerts by site and counter; exercises are left out (domain rule 16)."""

    onvif: OnvifEvents

    def __call__(self) -> dict[str, str]:
        """Return the text of each topic."""
        alerts, alarms, found = self.alerts(), self.alarms(), dict[str, str]()
        for camera in self.cameras:
            states = self.onvif.states(camera.camera_id, alarms)
            found |= {f"sites/{camera.site}/{topic}": text for topic, text in states.items()}
        for site, counter in sorted({(one.site, one.counter) for one in self.cameras}):
            place = f"sites/{site}/counters/{quote(counter, safe='')}"
            answer = self.readiness(AlertFilter(site, frozenset({counter})))
            found[f"{place}/rings"] = _json({"rings": str(answer.level), "reason": answer.fault})
            found[f"{place}/alerts"] = _json(
                {str(one): n for one, n in sorted(alerts.get((site, counter), {}).items())}
            )
        open_alarms = defaultdict[str, list[StoredAlarm]](list)
        for alarm in alarms:
            open_alarms[alarm.condition.site].append(alarm)
        for site in sorted({"", *open_alarms, *(one.site for one in self.cameras)}):
            found[_problems(site)] = _json(
                {"count": len(open_alarms[site]), "open": list(map(_shown, open_alarms[site][:MAX_TOLD]))}
            )
        return found


def _shown(alarm: StoredAlarm) -> Mapping[str, str]:
    condition = alarm.condition
    return {
        "trouble_id": str(alarm.alarm_id),
        "kind": str(condition.kind),
        "about": condition.about,
        "counter": condition.counter,
        "began_at": stamp(alarm.began_at),
    }


def _problems(site: str) -> str:
    return f"sites/{site}/problems" if site else "problems"


def _json(facts: object) -> str:
    return json.dumps(facts, separators=(",", ":"))


def alarm_message(notice: Notice) -> Message:
    """Return the begin or end of an alarm, with the text of a webhook's notice."""
    topic = f"{_problems(str(notice.data['site']))}/events"
    return Message(topic, notice.body(), EVENT_EXPIRY_S, retained=False)


@dataclass(frozen=True)
class MqttOutbox:
    """What a broker has not taken yet."""

    broker: Broker
    store: NoticeStore
    alarms: AlarmStore
    states: Callable[[], Mapping[str, str]]
    clock: Clock
    _told: dict[str, tuple[str, float]] = field(default_factory=dict)
    """The text of each topic, and when it was sent, over the present connection."""

    def due(self) -> Iterator[Batch]:
        """Yield the next alarms, and states that have changed or would soon be forgotten."""
        self.broker.keep()
        for notices, reached in islice(unseen(self.store, TARGET, ALARMS, AlarmNotices(self.alarms)), MAX_PAGES):
            yield Batch(list(map(alarm_message, notices)), reached)
        if not self.broker.connected:
            self._told.clear()  # a broker that was away may have forgotten all
        now_s = self.clock.elapsed_s()
        due = {
            topic: text
            for topic, text in self.states().items()
            if (told := self._told.get(topic)) is None or told[0] != text or now_s - told[1] >= REPEAT_S
        }
        if due or not self.broker.connected:
            yield Batch([Message(topic, text, STATE_EXPIRY_S, retained=True) for topic, text in due.items()])

    def send(self, batch: Batch) -> None:
        """Publish; raises DeliveryError."""
        self.broker.send(batch.messages)

    def taken(self, batch: Batch, before: Failing | None) -> None:
        """Move the position, or remember the states."""
        if batch.reached is not None:
            self.store.move(TARGET, ALARMS, batch.reached)
        else:
            now_s = self.clock.elapsed_s()
            self._told.update({one.topic: (one.text, now_s) for one in batch.messages})
        if before:
            log.info("mqtt_sent_again")

    def refused(self, _: Batch, error: DeliveryError, before: Failing | None) -> bool:
        """Keep the position: nothing is ever given up."""
        if before is None or before.reason != str(error):
            log.warning("mqtt_not_sent", failure=error.failure, detail=error.detail)
        return False


def mqtt_feed(outbox: MqttOutbox, clock: Clock) -> Dispatcher[Batch]:
    """Return the outbox that feeds a broker, and pauses for up to a minute after a failure."""
    return Dispatcher(outbox, clock, Backoff(FIRST_PAUSE_S, MAX_PAUSE_S))
