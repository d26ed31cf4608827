"""The audit trail for the server's parts: entries that arrive at the same time are committed together.

One thread writes, so that an alert for many agents costs one commit instead of one for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import MAX_OBJECTS, OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.probes import BatchMeasure, unmeasured
from cekalwatch.server.storage.audit.store import AuditStore

MAX_AT_ONCE = 64


class AuditTrail:
    """Writes entries on one thread; it is called from the event loop."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing: BatchWorker[AuditEntry, None] = BatchWorker("audit", self._write, threads=1, most=MAX_AT_ONCE)

    async def note(
        self, actor: Actor, action: Action, objects: Iterable[str] = (), outcome: str = OK, **details: int | str
    ) -> None:
        """Return when the entry is committed; raises StorageError when this fails.

        Code that shows personal data waits for this first: nothing is shown without a record.
        """
        await self.enter(AuditEntry(self._clock.now(), actor, action, tuple(objects), outcome, details))

    async def enter(self, entry: AuditEntry) -> None:
        """Return when `entry` is committed, as `note` does."""
        await self._writing.do(entry)

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._writing.close()

    def _write(self, entries: list[AuditEntry]) -> Sequence[None]:
        self._store.append(*entries)
        return [None] * len(entries)


MAX_DELIVERIES = 2_000
"""Deliveries that are committed together."""


@dataclass(frozen=True)
class _Delivery:
    shown: tuple[str, ...]
    """Object keys of the shown data."""
    event: int
    device: str


class DeliveryTrail:
    """Records the devices that receive an event of an alert, before they receive it: one entry for all devices of
    the same moment.

    An alert goes to many agents at once. An entry for each would cost more than everything else, and one entry that
    names all of them has the same facts. Agents that arrive while an entry is being committed share the next one, so
    nobody waits for a period to end, and nothing is sent before its entry is committed.

    It records as the actor `myself`, on one thread; it is called from the event loop.
    """

    def __init__(self, store: AuditStore, clock: Clock, myself: Actor, measure: BatchMeasure = unmeasured) -> None:
        self._store = store
        self._clock = clock
        self._myself = myself
        self._writing: BatchWorker[_Delivery, None] = BatchWorker(
            "deliveries", self._write, threads=1, most=MAX_DELIVERIES, measure=measure
        )

    async def note(self, device: Actor, alert: Alert, event: int = 0, *, named: bool = True) -> None:
        """Return when the delivery of the alert to `device`, with the event of that sequence, is committed.

        0: a waiting alert, before the events. `named`: with the subjects that it names. Raises StorageError when this
        fails.
        """
        shown = tuple(dict.fromkeys(shown_objects([alert]))) if named else (ObjectKind.ALERT.key(alert.alert_id),)
        await self._writing.do(_Delivery(shown, event, str(device)))

    def close(self) -> None:
        """Write the waiting entries, and end the thread."""
        self._writing.close()

    def _write(self, deliveries: list[_Delivery]) -> Sequence[None]:
        self._store.append(*self._entries(deliveries))
        return [None] * len(deliveries)

    def _entries(self, deliveries: list[_Delivery]) -> Iterator[AuditEntry]:
        now = self._clock.now()
        together: dict[tuple[int, tuple[str, ...]], dict[str, None]] = {}
        for one in deliveries:
            together.setdefault((one.event, one.shown), {})[one.device] = None
        for (event, shown), named in together.items():
            devices, room = list(named), MAX_OBJECTS - len(shown)
            for start in range(0, len(devices), room):
                given = devices[start : start + room]
                yield AuditEntry(
                    now,
                    self._myself,
                    Action.ALERT_DELIVERED,
                    (*shown, *given),
                    details={"event": event, "devices": len(given)},
                )
