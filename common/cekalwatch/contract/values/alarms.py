"""Alarms of cameras, sources, gallery, database and servers: who sees them, and who may acknowledge them.

The server finds and stores alarms in this form; the notifier shows them. Domain rules 12 and 14.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.contract.values.people import (
    CONFIRMS,
    KEEPS_SYSTEM,
    KEEPS_WATCHLIST,
    PersonReference,
    PersonRole,
    PersonSession,
)


class AlarmKind(StrEnum):
    """The kind of an alarm; the contract says what each is about, and its details."""

    CAMERA_DOWN = "CAMERA_DOWN"
    CAMERA_NO_FRAMES = "CAMERA_NO_FRAMES"
    CAMERA_DARK = "CAMERA_DARK"
    CAMERA_BLINDED = "CAMERA_BLINDED"
    CAMERA_COVERED = "CAMERA_COVERED"
    CAMERA_DEFOCUSED = "CAMERA_DEFOCUSED"
    CAMERA_MOVED = "CAMERA_MOVED"
    CAMERA_NOT_AT_PRESET = "CAMERA_NOT_AT_PRESET"
    CAMERA_SLOW = "CAMERA_SLOW"
    CAMERA_CLOCK_WRONG = "CAMERA_CLOCK_WRONG"
    CAMERA_REJECTED = "CAMERA_REJECTED"
    CAMERA_DROPPING_CROPS = "CAMERA_DROPPING_CROPS"
    CAMERA_ENDING_DECODERS = "CAMERA_ENDING_DECODERS"
    SPOOL_FAILING = "SPOOL_FAILING"
    SOURCE_STALE = "SOURCE_STALE"
    SOURCE_FAILING = "SOURCE_FAILING"
    LIST_SHRUNK = "LIST_SHRUNK"
    RECORDS_REFUSED = "RECORDS_REFUSED"
    REFERENCES_UNSEARCHED = "REFERENCES_UNSEARCHED"
    ORDERS_UNREADABLE = "ORDERS_UNREADABLE"
    PEOPLE_UNRECOGNISABLE = "PEOPLE_UNRECOGNISABLE"
    REVOCATIONS_STALE = "REVOCATIONS_STALE"
    LOOP_FAILING = "LOOP_FAILING"
    AUDIT_UNSIGNED = "AUDIT_UNSIGNED"
    ROWS_CHANGED = "ROWS_CHANGED"
    AUDIT_HISTORY_CHANGED = "AUDIT_HISTORY_CHANGED"
    AUDIT_CHECKPOINTS_WAITING = "AUDIT_CHECKPOINTS_WAITING"
    THRESHOLD_MOVED = "THRESHOLD_MOVED"
    SCORES_STAND_OUT = "SCORES_STAND_OUT"
    SERVER_CLOCK_WRONG = "SERVER_CLOCK_WRONG"
    NOTICES_WAITING = "NOTICES_WAITING"
    CENTRE_AWAY = "CENTRE_AWAY"
    PORT_NOT_FOLLOWING = "PORT_NOT_FOLLOWING"
    PORT_NOT_REPORTING = "PORT_NOT_REPORTING"
    SERVER_REFUSED = "SERVER_REFUSED"
    COUNTER_WITHOUT_PC = "COUNTER_WITHOUT_PC"
    EXERCISE_FAILED = "EXERCISE_FAILED"
    THRESHOLD_WAITING = "THRESHOLD_WAITING"
    RIGHTS_GIVEN = "RIGHTS_GIVEN"
    DEVICE_TWICE = "DEVICE_TWICE"
    PORT_CONTRADICTS = "PORT_CONTRADICTS"
    THRESHOLD_LEFT = "THRESHOLD_LEFT"
    DIRECTORY_AWAY = "DIRECTORY_AWAY"
    GROUP_MISSING = "GROUP_MISSING"
    GATE_AWAY = "GATE_AWAY"
    ORDERS_SILENCED = "ORDERS_SILENCED"
    SERVER_DEAD = "SERVER_DEAD"
    RUNS_OUT = "RUNS_OUT"
    DISK_FILLING = "DISK_FILLING"
    BACKUP_OLD = "BACKUP_OLD"
    ALERTS_LATE = "ALERTS_LATE"


OF_VIEWS = {
    ViewState.NO_FRAMES: AlarmKind.CAMERA_NO_FRAMES,
    ViewState.DARK: AlarmKind.CAMERA_DARK,
    ViewState.BLINDED: AlarmKind.CAMERA_BLINDED,
    ViewState.COVERED: AlarmKind.CAMERA_COVERED,
    ViewState.DEFOCUSED: AlarmKind.CAMERA_DEFOCUSED,
    ViewState.MOVED: AlarmKind.CAMERA_MOVED,
    ViewState.NOT_AT_PRESET: AlarmKind.CAMERA_NOT_AT_PRESET,
}
"""The alarm of each view. A view that is good, not judged, or turned away on request is not an alarm."""
IN_THE_PICTURE = frozenset(OF_VIEWS.values()) - {AlarmKind.CAMERA_NO_FRAMES, AlarmKind.CAMERA_NOT_AT_PRESET}
"""Alarms that are visible only in the view: a camera that is turned away for a while still has them."""

OF_SOURCES = frozenset(
    {
        AlarmKind.SOURCE_STALE,
        AlarmKind.SOURCE_FAILING,
        AlarmKind.LIST_SHRUNK,
        AlarmKind.RECORDS_REFUSED,
        AlarmKind.REFERENCES_UNSEARCHED,
        AlarmKind.ORDERS_UNREADABLE,
        AlarmKind.PEOPLE_UNRECOGNISABLE,
    }
)
"""People may be missing from the search, at all sites."""
OF_SERVERS = frozenset(
    {
        AlarmKind.REVOCATIONS_STALE,
        AlarmKind.LOOP_FAILING,
        AlarmKind.AUDIT_UNSIGNED,
        AlarmKind.AUDIT_HISTORY_CHANGED,
        AlarmKind.AUDIT_CHECKPOINTS_WAITING,
        AlarmKind.SERVER_CLOCK_WRONG,
        AlarmKind.CENTRE_AWAY,
        AlarmKind.ALERTS_LATE,
    }
)
"""A server does not do all of its work."""
OF_STARTS = frozenset({AlarmKind.SERVER_REFUSED})
"""A server of the site was refused at its start, as a running one reports."""
OF_DEAD = frozenset({AlarmKind.SERVER_DEAD})
"""A server of the database died, and is not back."""
OF_UPKEEP = frozenset({AlarmKind.RUNS_OUT, AlarmKind.DISK_FILLING})
"""Something of a server will not work in some days."""
OF_BACKUPS = frozenset({AlarmKind.BACKUP_OLD})
"""What was done lately would be lost with the database."""
OF_DATABASE = frozenset({AlarmKind.ROWS_CHANGED})
"""Possible attacks."""
OF_THRESHOLDS = frozenset(
    {
        AlarmKind.THRESHOLD_MOVED,
        AlarmKind.THRESHOLD_WAITING,
        AlarmKind.THRESHOLD_LEFT,
        AlarmKind.SCORES_STAND_OUT,
    }
)
"""More or fewer travellers alert than before, or than at other cameras."""
OF_RECEIVERS = frozenset({AlarmKind.NOTICES_WAITING})
"""Another system of the office does not get its notices."""
OF_PORTS = frozenset({AlarmKind.PORT_NOT_FOLLOWING, AlarmKind.PORT_NOT_REPORTING, AlarmKind.PORT_CONTRADICTS})
"""A port with a server of its own may search an old list, or its alerts are not seen at the centre as they are."""
OF_CAMERAS = frozenset({one for one in AlarmKind if one.startswith("CAMERA_")} | {AlarmKind.SPOOL_FAILING})
"""Travellers at one counter may pass unseen."""
OF_COUNTERS = frozenset({AlarmKind.COUNTER_WITHOUT_PC})
"""Alerts of a counter ring at no PC there."""
OF_EXERCISES = frozenset({AlarmKind.EXERCISE_FAILED})
"""What a traveller's alert would go through at a counter did not work, or somebody there took two faces for two people.
"""
OF_DEVICES = frozenset({AlarmKind.DEVICE_TWICE})
"""Somebody seems to have a copy of a device's key."""
OF_PEOPLE = frozenset({AlarmKind.RIGHTS_GIVEN, AlarmKind.ORDERS_SILENCED})
"""Somebody may do more than before, or two people let a ban end or alert less. Who may know it acknowledges it for
themselves, and not what they did, signed or got.
"""
OF_DIRECTORY = frozenset({AlarmKind.DIRECTORY_AWAY, AlarmKind.GROUP_MISSING})
"""Roles that groups of the office's directory decide are not followed, or nobody has them."""
OF_GATES = frozenset({AlarmKind.GATE_AWAY})
"""The gate of a counter does not hear that an officer is needed."""
BLIND = frozenset({AlarmKind.CAMERA_DOWN, AlarmKind.CAMERA_REJECTED, *OF_VIEWS.values()})
"""The counter's travellers are not recognised at all."""

KEEPS_SOURCES = KEEPS_WATCHLIST | KEEPS_SYSTEM
"""Roles that see alarms of sources and of the system, and may acknowledge them."""
SEES_ALARMS = KEEPS_SOURCES | {PersonRole.AUDITOR}
"""Roles that may list past alarms."""


NO_DETAILS: Mapping[str, str] = MappingProxyType({})


def acknowledges(kind: AlarmKind) -> frozenset[PersonRole]:
    """Return the roles that see an alarm of that kind, and may acknowledge it."""
    system = OF_SERVERS | OF_STARTS | OF_DEAD | OF_UPKEEP | OF_BACKUPS | OF_DATABASE | OF_RECEIVERS | OF_DIRECTORY
    if kind in system:
        return KEEPS_SYSTEM
    if kind in OF_PORTS | OF_DEVICES:
        return KEEPS_SYSTEM | CONFIRMS
    return KEEPS_SOURCES if kind in OF_SOURCES | {AlarmKind.RIGHTS_GIVEN} else CONFIRMS


@dataclass(frozen=True, kw_only=True)
class AlarmTimes:
    """When an alarm began and ended, and who acknowledged it."""

    began_at: datetime
    ended_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: PersonReference | None = None
    """None while nobody has acknowledged it."""
    read_by: tuple[str, ...] = ()
    """Keys of the people who acknowledged, each for themselves, what tells of people (`OF_PEOPLE`)."""


@dataclass(frozen=True)
class Alarm(AlarmTimes):
    """An alarm that a person must solve. It contains nothing of a traveller or a subject."""

    alarm_id: str
    kind: AlarmKind | None
    """None: one that only a newer server knows."""
    about: str
    """Key of the camera, or name of the source or server."""
    site: str
    """Empty: it concerns all sites."""
    counter: str
    """Empty if there is none."""
    details: Mapping[str, str] = field(default_factory=lambda: NO_DETAILS)

    @property
    def blinds(self) -> bool:
        """Whether travellers pass the counter unrecognised."""
        return self.kind in BLIND

    @property
    def seen_by(self) -> str:
        """Name or key of the person who acknowledged it; empty before that."""
        person = self.acknowledged_by
        return person.display_name or person.person_id if person else ""


Alarms = tuple[Alarm, ...]
"""The alarms at one moment, oldest first."""


@dataclass(frozen=True)
class OpenAlarms:
    """The present alarms. They replace all earlier ones."""

    alarms: Alarms


AlarmNews = OpenAlarms | Alarm
"""A message to subscribers: the present alarms, or one alarm that began, changed or ended."""


def own_blind(alarms: Iterable[Alarm], counters: Collection[str]) -> Alarms:
    """Return those because of which counters are blind that a PC watches; without `counters`, it watches all."""
    return tuple(one for one in alarms if one.blinds and (not counters or one.counter in counters))


def shown_to(session: PersonSession | None, alarms: Alarms, counters: Collection[str]) -> Alarms:
    """Return the alarms that the person at a PC sees: everybody sees which of the PC's own counters are blind.

    A supervisor sees all of the site, a list manager those of sources too, an administrator those of servers as well.
    """
    roles = session.roles if session else frozenset()
    own = own_blind(alarms, counters)
    return tuple(one for one in alarms if one in own or roles & (acknowledges(one.kind) if one.kind else CONFIRMS))


def may_acknowledge(alarm: Alarm, session: PersonSession | None) -> bool:
    """Whether the person can acknowledge it, and nobody has yet; what tells of people, they themselves."""
    if session is None or alarm.kind is None or alarm.seen_by or session.person_id in alarm.read_by:
        return False
    return bool(session.roles & acknowledges(alarm.kind))
