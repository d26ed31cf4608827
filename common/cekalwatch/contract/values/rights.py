"""The rights to call methods: from which devices, by which people, how far, and for what a second person must sign.

A right names the devices, and the people who must be signed in on them. Each call of the contract names its right.

Commands on the server's machine use the server's own certificate, whose key only the server's user can read; with it
no person is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cekalwatch.contract.values.alarms import KEEPS_SOURCES, SEES_ALARMS
from cekalwatch.contract.values.people import (
    ACCEPTS_SHRUNKEN_LIST,
    CONFIRMS,
    HANDLES_ALERTS,
    KEEPS_DEVICES,
    KEEPS_PEOPLE,
    KEEPS_SYSTEM,
    KEEPS_WATCHLIST,
    SEES_ALERTS,
    SEES_AUDIT_TRAIL,
    SEES_SHIFT_REPORT,
    PersonRole,
    TwoPersonAction,
)
from cekalwatch.wire.identity import DeviceRole


class Reach(StrEnum):
    """The reach of a right. The device's site must always be one that the server serves."""

    ITSELF = "ITSELF"
    """Only under the device's own name, and only at its own site."""
    OWN_SITE = "OWN_SITE"
    """Everything that belongs to the device's site."""
    SERVER = "SERVER"
    """Everything on this server."""


@dataclass(frozen=True)
class Grant:
    """The right of devices of a role: its reach, and the people who must be signed in on them."""

    reach: Reach
    people: frozenset[PersonRole] = frozenset()
    """The person must have one of these roles; none: the device needs no person."""
    welcome: frozenset[PersonRole] = frozenset()
    """If the device needs no person: a person with a session must have one of these roles, and gets more rights by it.
    None: tokens are ignored."""


@dataclass(frozen=True)
class Right:
    """The rights to call a method."""

    devices: Mapping[DeviceRole, Grant]
    action: TwoPersonAction | None = None
    """The action for which a second person must sign."""
    at_times: bool = False
    """Whether only some requests of the method need the second person: the server's function asks for them."""


def _devices(*grants: tuple[DeviceRole, Reach, frozenset[PersonRole]]) -> Mapping[DeviceRole, Grant]:
    return MappingProxyType({role: Grant(reach, people) for role, reach, people in grants})


NOBODY: frozenset[PersonRole] = frozenset()
ANYBODY = frozenset(PersonRole)
DESKS = (DeviceRole.NOTIFIER, DeviceRole.CONSOLE)
"""Devices on which the people of a site work with alerts."""


def _at_desks(people: frozenset[PersonRole]) -> Right:
    return Right(_devices(*((role, Reach.OWN_SITE, people) for role in DESKS)))


CAMERA = Right(_devices((DeviceRole.CAMERA, Reach.ITSELF, NOBODY)))
# Deliveries are stored until they are acknowledged, and agents run before anybody signs in.
AGENT = Right(_devices((DeviceRole.NOTIFIER, Reach.ITSELF, NOBODY)))
# Events that an agent has acknowledged are history, which needs a person who sees alerts: see `Caller.sees_history`.
SUBSCRIPTION = Right(dict.fromkeys(DESKS, Grant(Reach.ITSELF, welcome=SEES_ALERTS)))
OFFICE = _at_desks(SEES_ALERTS)
ADJUDICATION = _at_desks(HANDLES_ALERTS)
# No second person's token: the officer is the one who judged the alert, perhaps an hour ago at another desk.
CONFIRMATION = _at_desks(CONFIRMS)
# For ports at the device's own site; the server's function decides where the centre's supervisors see all.
PORTS = _at_desks(CONFIRMS)
# A second person where fewer come.
EXERCISES = Right(CONFIRMATION.devices, TwoPersonAction.SET_EXERCISES, at_times=True)
SHIFT = _at_desks(SEES_SHIFT_REPORT)
# The whole list, since a traveller may come to any port.
PORT = Right(_devices((DeviceRole.PORT, Reach.OWN_SITE, NOBODY)))
WATCHLIST = Right(
    _devices(
        (DeviceRole.SERVER, Reach.SERVER, NOBODY),
        *((role, Reach.SERVER, KEEPS_WATCHLIST) for role in (*DESKS, DeviceRole.DIAGNOSTICS)),
    )
)
# A person must be accountable for it.
BY_LIST_MANAGERS = Right(_devices(*((role, Reach.SERVER, KEEPS_WATCHLIST) for role in WATCHLIST.devices)))
SHRUNKEN_LIST = Right(
    _devices(*((role, Reach.SERVER, ACCEPTS_SHRUNKEN_LIST) for role in WATCHLIST.devices)),
    TwoPersonAction.ACCEPT_SHRUNKEN_LIST,
)
ORDER = Right(SHRUNKEN_LIST.devices, TwoPersonAction.AMEND_ORDER)
# A second person where orders in force would no longer alert.
LIST_FILE = Right(WATCHLIST.devices, TwoPersonAction.AMEND_ORDER, at_times=True)
AGENCIES = Right(BY_LIST_MANAGERS.devices, TwoPersonAction.AMEND_ORDER, at_times=True)
LAW = Right(SHRUNKEN_LIST.devices, TwoPersonAction.CHANGE_LAW)
OBSERVER = Right(_devices((DeviceRole.DIAGNOSTICS, Reach.SERVER, NOBODY), (DeviceRole.SERVER, Reach.SERVER, NOBODY)))
# With this, `check` on a port's server and on a console's machine tests whether the server admits it.
HEALTH = Right({**OBSERVER.devices, **dict.fromkeys((DeviceRole.PORT, DeviceRole.CONSOLE), Grant(Reach.OWN_SITE))})
STATUS = Right({**OBSERVER.devices, **dict.fromkeys(DESKS, Grant(Reach.SERVER, KEEPS_SYSTEM))})
# An agent's tray shows blind counters before anybody signs in.
ALARM_WATCH = Right({**OBSERVER.devices, **dict.fromkeys(DESKS, Grant(Reach.OWN_SITE))})
ALARM_LIST = Right({**OBSERVER.devices, **dict.fromkeys(DESKS, Grant(Reach.OWN_SITE, SEES_ALARMS))})
ACKNOWLEDGEMENT = _at_desks(KEEPS_SOURCES)
THRESHOLD = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in WATCHLIST.devices)), TwoPersonAction.CHANGE_THRESHOLD
)
GATES = Right(_devices(*((role, Reach.SERVER, CONFIRMS) for role in DESKS)), TwoPersonAction.SET_GATES)
# To give rights takes two people, to take them away one, unless alerts at a site would be nobody's to judge.
PEOPLE = Right(
    _devices(*((role, Reach.SERVER, KEEPS_PEOPLE) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS))),
    TwoPersonAction.CHANGE_PEOPLE,
    at_times=True,
)
# Only the parts of the first passwords for which the caller has signed.
PASSWORD_PARTS = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
# All sites share one trail. The first of the two people who export it is the auditor.
TRAIL = Right(
    _devices(*((role, Reach.SERVER, SEES_AUDIT_TRAIL) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
TRAIL_EXPORT = Right(TRAIL.devices, TwoPersonAction.EXPORT_AUDIT)
# The administrator's sites decide which cameras and devices.
DEVICES = Right(
    _devices(*((role, Reach.SERVER, KEEPS_DEVICES) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
# A second person where travellers would be seen less, or alerts would reach nobody at a counter.
CAMERAS = Right(DEVICES.devices, TwoPersonAction.CHANGE_CAMERAS, at_times=True)
CAMERA_VIEW = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
# A second person signs in for the session of the first one.
SIGN_IN = Right({role: Grant(Reach.OWN_SITE, welcome=ANYBODY) for role in WATCHLIST.devices})
SIGN_IN_METHODS = Right({role: Grant(Reach.OWN_SITE) for role in WATCHLIST.devices})
SESSION = Right(_devices(*((role, Reach.OWN_SITE, ANYBODY) for role in WATCHLIST.devices)))
WALL = Right(_devices((DeviceRole.CONSOLE, Reach.OWN_SITE, CONFIRMS)))
