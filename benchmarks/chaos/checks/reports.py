"""Each event of the port is at the centre once, as it is at the port and in its order; the alerts stand alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.reported import Reported

LOOKED = "LOOKED"
"""First looks stay at the port: they change nothing of an alert."""


def missing(port: Evidence, reported: Reported) -> list[str]:
    """Return the events that the centre lacks or has in another state."""
    there = {one.event.sequence for one in reported.events}
    found = [
        f"the centre does not have the port's event {event.sequence} ({event.type} of {event.alert_id})"
        for event in port.events
        if event.sequence not in there and event.type != LOOKED
    ]
    for alert in port.alerts.values():
        known = reported.alerts.get(alert.alert_id)
        if known is None or known.version < alert.version:
            stands = f"version {known.version}" if known else "nothing"
            found.append(f"the centre has {stands} of the port's alert {alert.alert_id}, version {alert.version}")
    return found


def wrong(port: Evidence, reported: Reported) -> list[str]:
    """Say what the centre has that it must not have, or not so. The port's evidence must be the later one."""
    return [*_events(port, reported), *_order(reported), *_alerts(port, reported)]


def _events(port: Evidence, reported: Reported) -> Iterator[str]:
    of_port = {event.sequence: event for event in port.events}
    first = min((one.log for one in reported.events), default=0)  # it may have begun several times before it had any
    for one in reported.events:
        if one.log != first:
            yield f"the centre has event {one.event.sequence} of a log {one.log} of the port"
        if of_port.get(one.event.sequence) != one.event:
            yield f"the centre has {one.event}, and the port {of_port.get(one.event.sequence)}"
    times = Counter(replace(one.event, sequence=0) for one in reported.events)
    yield from (f"the centre has {event} {count} times" for event, count in times.items() if count > 1)


def _order(reported: Reported) -> Iterator[str]:
    for earlier, later in pairwise(reported.events):
        if later.reported_at < earlier.reported_at:
            yield f"the port's event {later.event.sequence} was at the centre before {earlier.event.sequence}"


def _alerts(port: Evidence, reported: Reported) -> Iterator[str]:
    for known in reported.alerts.values():
        stands = port.alerts.get(known.alert_id)
        if stands is None or known.version > stands.version:
            yield f"the centre has {known}, and the port {stands}"
        elif known.version == stands.version and known != stands:
            yield f"the centre has {known}, which stands as {stands} at the port"
