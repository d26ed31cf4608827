"""The table of rights: which roles may call which method, and for which site. Pure: it knows no transport.

Methods that are not in the table are refused. A row names the devices, and the people who must be signed in on them.

Commands on the server's machine use the server's own certificate, whose key only the server's user can read; with it
no person is required.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.values.alerts import AlertFilter
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
)
from cekalwatch.contract.values.troubles import KEEPS_SOURCES, SEES_TROUBLES
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import TwoPeople, TwoPersonAction
from cekalwatch.wire.identity import DeviceRole, Identity


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
    """Whether only some requests of the method need the second person: its servicer asks for them."""


def _devices(*grants: tuple[DeviceRole, Reach, frozenset[PersonRole]]) -> Mapping[DeviceRole, Grant]:
    return MappingProxyType({role: Grant(reach, people) for role, reach, people in grants})


_NOBODY: frozenset[PersonRole] = frozenset()
_ANYBODY = frozenset(PersonRole)
_DESKS = (DeviceRole.NOTIFIER, DeviceRole.CONSOLE)
"""Devices on which the people of a site work with alerts."""


def _at_desks(people: frozenset[PersonRole]) -> Right:
    return Right(_devices(*((role, Reach.OWN_SITE, people) for role in _DESKS)))


_CAMERA = Right(_devices((DeviceRole.CAMERA, Reach.ITSELF, _NOBODY)))
# Deliveries are stored until they are acknowledged, and agents run before anybody signs in.
_AGENT = Right(_devices((DeviceRole.NOTIFIER, Reach.ITSELF, _NOBODY)))
# Events that an agent has acknowledged are history, which needs a person who sees alerts: see `Caller.sees_history`.
_SUBSCRIPTION = Right(dict.fromkeys(_DESKS, Grant(Reach.ITSELF, welcome=SEES_ALERTS)))
_OFFICE = _at_desks(SEES_ALERTS)
_ADJUDICATION = _at_desks(HANDLES_ALERTS)
# No second person's token: the officer is the one who judged the alert, perhaps an hour ago at another desk.
_CONFIRMATION = _at_desks(CONFIRMS)
# For ports at the device's own site; the servicer decides where the centre's supervisors see all.
_PORTS = _at_desks(CONFIRMS)
_SHIFT = _at_desks(SEES_SHIFT_REPORT)
# The whole list, since a traveller may come to any port.
_PORT = Right(_devices((DeviceRole.PORT, Reach.OWN_SITE, _NOBODY)))
_WATCHLIST = Right(
    _devices(
        (DeviceRole.SERVER, Reach.SERVER, _NOBODY),
        *((role, Reach.SERVER, KEEPS_WATCHLIST) for role in (*_DESKS, DeviceRole.DIAGNOSTICS)),
    )
)
# A person must be accountable for it.
_BY_LIST_MANAGERS = Right(_devices(*((role, Reach.SERVER, KEEPS_WATCHLIST) for role in _WATCHLIST.devices)))
_SHRUNKEN_LIST = Right(
    _devices(*((role, Reach.SERVER, ACCEPTS_SHRUNKEN_LIST) for role in _WATCHLIST.devices)),
    TwoPersonAction.ACCEPT_SHRUNKEN_LIST,
)
_ORDER = Right(_SHRUNKEN_LIST.devices, TwoPersonAction.AMEND_ORDER)
_LAW = Right(_SHRUNKEN_LIST.devices, TwoPersonAction.CHANGE_LAW)
_OBSERVER = Right(_devices((DeviceRole.DIAGNOSTICS, Reach.SERVER, _NOBODY), (DeviceRole.SERVER, Reach.SERVER, _NOBODY)))
# With this, `check` on a port's server and on a console's machine tests whether the server admits it.
_HEALTH = Right({**_OBSERVER.devices, **dict.fromkeys((DeviceRole.PORT, DeviceRole.CONSOLE), Grant(Reach.OWN_SITE))})
_STATUS = Right({**_OBSERVER.devices, **dict.fromkeys(_DESKS, Grant(Reach.SERVER, KEEPS_SYSTEM))})
# An agent's tray shows blind counters before anybody signs in.
_TROUBLE_WATCH = Right({**_OBSERVER.devices, **dict.fromkeys(_DESKS, Grant(Reach.OWN_SITE))})
_TROUBLE_LIST = Right({**_OBSERVER.devices, **dict.fromkeys(_DESKS, Grant(Reach.OWN_SITE, SEES_TROUBLES))})
_ACKNOWLEDGEMENT = _at_desks(KEEPS_SOURCES)
_THRESHOLD = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in _WATCHLIST.devices)), TwoPersonAction.CHANGE_THRESHOLD
)
_GATES = Right(_devices(*((role, Reach.SERVER, CONFIRMS) for role in _DESKS)), TwoPersonAction.SET_GATES)
# To give rights takes two people, to take them away one.
_PEOPLE = Right(
    _devices(*((role, Reach.SERVER, KEEPS_PEOPLE) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS))),
    TwoPersonAction.CHANGE_PEOPLE,
    at_times=True,
)
# Only the parts of the first passwords for which the caller has signed.
_PASSWORD_PARTS = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
# All sites share one trail. The first of the two people who export it is the auditor.
_TRAIL = Right(
    _devices(*((role, Reach.SERVER, SEES_AUDIT_TRAIL) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
_TRAIL_EXPORT = Right(_TRAIL.devices, TwoPersonAction.EXPORT_AUDIT)
# The administrator's sites decide which cameras and devices.
_DEVICES = Right(
    _devices(*((role, Reach.SERVER, KEEPS_DEVICES) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
_CAMERA_VIEW = Right(
    _devices(*((role, Reach.SERVER, KEEPS_SYSTEM) for role in (DeviceRole.CONSOLE, DeviceRole.DIAGNOSTICS)))
)
# A second person signs in for the session of the first one.
_SIGN_IN = Right({role: Grant(Reach.OWN_SITE, welcome=_ANYBODY) for role in _WATCHLIST.devices})
_SIGN_IN_METHODS = Right({role: Grant(Reach.OWN_SITE) for role in _WATCHLIST.devices})
_SESSION = Right(_devices(*((role, Reach.OWN_SITE, _ANYBODY) for role in _WATCHLIST.devices)))
_WALL = Right(_devices((DeviceRole.CONSOLE, Reach.OWN_SITE, CONFIRMS)))

RIGHTS: Mapping[str, Right] = MappingProxyType(
    {
        "/cekalwatch.v1.CaptureService/StreamFaces": _CAMERA,
        "/cekalwatch.v1.AlertService/SubscribeAlerts": _SUBSCRIPTION,
        "/cekalwatch.v1.AlertService/AcknowledgeAlerts": _AGENT,
        "/cekalwatch.v1.AlertService/ListAlerts": _OFFICE,
        "/cekalwatch.v1.AlertService/ListChangedAlerts": _OFFICE,
        "/cekalwatch.v1.AlertService/GetAlert": _OFFICE,
        "/cekalwatch.v1.AlertService/ListAlertFaces": _OFFICE,
        "/cekalwatch.v1.AlertService/RecordLook": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/ClaimAlert": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/ReleaseAlert": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/TakeOverAlert": _CONFIRMATION,
        "/cekalwatch.v1.AlertService/AdjudicateAlert": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/UndoJudgement": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/ConfirmAlert": _CONFIRMATION,
        "/cekalwatch.v1.AlertService/EnterReference": _CONFIRMATION,
        "/cekalwatch.v1.AlertService/ClearAlert": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/RecordFollowUp": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/CloseAlert": _ADJUDICATION,
        "/cekalwatch.v1.AlertService/GetShiftReport": _SHIFT,
        "/cekalwatch.v1.ReportService/GetFieldReport": _SHIFT,
        "/cekalwatch.v1.ShiftService/LeaveShift": _ADJUDICATION,
        "/cekalwatch.v1.ShiftService/ListHandOvers": _ADJUDICATION,
        "/cekalwatch.v1.ShiftService/TakeShift": _ADJUDICATION,
        "/cekalwatch.v1.ShiftService/GetExerciseHours": _CONFIRMATION,
        "/cekalwatch.v1.ShiftService/SetExerciseHours": _CONFIRMATION,
        "/cekalwatch.v1.PortService/ReportAlerts": _PORT,
        "/cekalwatch.v1.PortService/ListPorts": _PORTS,
        "/cekalwatch.v1.PortService/ListPortAlerts": _PORTS,
        "/cekalwatch.v1.PortService/GetPortAlert": _PORTS,
        "/cekalwatch.v1.WatchlistService/ImportWatchlist": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ImportListFile": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSubjects": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetSubject": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSubjectFaces": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetSubjectHistory": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AmendOrder": _ORDER,
        "/cekalwatch.v1.WatchlistService/ListLookAlikes": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/JudgeLookAlikes": _BY_LIST_MANAGERS,
        "/cekalwatch.v1.WatchlistService/SyncNow": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AcceptShrunkenList": _SHRUNKEN_LIST,
        "/cekalwatch.v1.WatchlistService/GetSyncStatus": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSyncRuns": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListAgencies": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetLaw": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/PreviewLawRow": _WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AddLawRow": _LAW,
        "/cekalwatch.v1.WatchlistService/PutAgency": _BY_LIST_MANAGERS,
        "/cekalwatch.v1.WatchlistService/RemoveAgency": _BY_LIST_MANAGERS,
        "/cekalwatch.v1.ListFeedService/FollowList": _PORT,
        "/cekalwatch.v1.ListFeedService/ReadList": _PORT,
        "/cekalwatch.v1.ListFeedService/FetchReferences": _PORT,
        "/cekalwatch.v1.OperationsService/GetStatus": _STATUS,
        "/cekalwatch.v1.OperationsService/ListCounters": _CONFIRMATION,
        "/cekalwatch.v1.OperationsService/GetThreshold": _STATUS,
        "/cekalwatch.v1.OperationsService/SetThreshold": _THRESHOLD,
        "/cekalwatch.v1.OperationsService/ForgetLearnedThreshold": _THRESHOLD,
        "/cekalwatch.v1.OperationsService/GetGates": _CONFIRMATION,
        "/cekalwatch.v1.OperationsService/SetGatePolicy": _GATES,
        "/cekalwatch.v1.AuditService/SearchAuditEntries": _TRAIL,
        "/cekalwatch.v1.AuditService/GetAuditEntry": _TRAIL,
        "/cekalwatch.v1.AuditService/VerifyAuditTrail": _TRAIL,
        "/cekalwatch.v1.AuditService/ExportAuditEntries": _TRAIL_EXPORT,
        "/cekalwatch.v1.TroubleService/WatchTroubles": _TROUBLE_WATCH,
        "/cekalwatch.v1.TroubleService/ListTroubles": _TROUBLE_LIST,
        "/cekalwatch.v1.TroubleService/AcknowledgeTrouble": _ACKNOWLEDGEMENT,
        **dict.fromkeys(
            (
                f"/cekalwatch.v1.PeopleService/{name}"
                for name in (
                    "ListPeople",
                    "AddPerson",
                    "ChangePerson",
                    "DisablePerson",
                    "ResetPassword",
                    "UnlockPerson",
                )
            ),
            _PEOPLE,
        ),
        "/cekalwatch.v1.PeopleService/TakePasswordParts": _PASSWORD_PARTS,
        **dict.fromkeys(
            (
                f"/cekalwatch.v1.DeviceService/{name}"
                for name in ("ListDevices", "InviteDevice", "CancelInvitation", "RevokeDevice")
            ),
            _DEVICES,
        ),
        "/cekalwatch.v1.CameraService/GetCameraPolicy": _DEVICES,
        "/cekalwatch.v1.CameraService/SetCameraPolicy": _DEVICES,
        "/cekalwatch.v1.CameraService/GetAimingPicture": _CAMERA_VIEW,
        "/cekalwatch.v1.CameraService/ListSurveys": _CAMERA_VIEW,
        "/cekalwatch.v1.CameraService/ReportSurvey": _CAMERA,
        "/cekalwatch.v1.SessionService/GetSignInMethods": _SIGN_IN_METHODS,
        "/cekalwatch.v1.SessionService/SignIn": _SIGN_IN,
        "/cekalwatch.v1.SessionService/GetSession": _SESSION,
        "/cekalwatch.v1.SessionService/ChangePassword": _SESSION,
        "/cekalwatch.v1.SessionService/SignOut": _SESSION,
        "/cekalwatch.v1.SessionService/BeginWall": _WALL,
        "/cekalwatch.v1.SessionService/AskApproval": _SESSION,
        "/cekalwatch.v1.SessionService/ListApprovals": _SESSION,
        "/cekalwatch.v1.SessionService/AnswerApproval": _SESSION,
        "/grpc.health.v1.Health/Check": _HEALTH,
        "/grpc.health.v1.Health/List": _OBSERVER,
        "/grpc.health.v1.Health/Watch": _OBSERVER,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetTopChannels": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServers": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServer": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServerSockets": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetChannel": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSubchannel": _OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSocket": _OBSERVER,
    }
)

WITH_FIRST_PASSWORD = frozenset(
    f"/cekalwatch.v1.SessionService/{name}" for name in ("GetSession", "ChangePassword", "SignOut")
)
"""The methods for a person who has not changed the first password yet."""

ON_WALLS = frozenset(
    f"/cekalwatch.v1.{name}"
    for name in (
        "OperationsService/ListCounters",
        "CameraService/GetAimingPicture",
        "SessionService/GetSession",
        "SessionService/SignOut",
    )
)
"""The methods for the session of a wall; of pictures, only watched ones."""


@dataclass(frozen=True)
class Caller:
    """The caller, and the reach of the call."""

    identity: Identity
    reach: Reach
    device: Device
    needs: frozenset[PersonRole] = frozenset()
    """See `Grant.people`."""
    welcome: frozenset[PersonRole] = frozenset()
    """See `Grant.welcome`."""
    session: Session | None = None
    """The key of the signed-in person; None when the device calls alone."""
    people: TwoPeople | None = None
    """The two people of a method that needs two."""

    @property
    def on_this_machine(self) -> bool:
        """Whether it uses plaintext on this machine; see `LOCAL`. A person may be signed in there too."""
        return self.device == LOCAL.device

    @property
    def actor(self) -> Actor:
        """The actor in the audit trail."""
        if self.session is None:
            return self.device.actor
        return self.device.used_by(self.session.person.person_id)

    def signed_in(self) -> Session:
        """Return the session; raises SIGN_IN_NEEDED."""
        if self.session is None:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        return self.session

    @property
    def judges(self) -> frozenset[UUID]:
        """The person who calls, if they may judge alerts: they have to look at two faces first (domain rule 15)."""
        person = self.session.person if self.session else None
        return frozenset({person.person_id}) if person and person.roles & HANDLES_ALERTS else frozenset()

    @property
    def sees_history(self) -> bool:
        """Whether a stream may repeat events before its agent's position: with a signed-in person, or in plaintext."""
        return self.session is not None or self.on_this_machine

    @property
    def is_told_names(self) -> bool:
        """Whether a stream names people: only to a signed-in person, or in plaintext. A device alone rings."""
        return self.sees_history

    def two_people(self) -> TwoPeople:
        """Return the two people; raises SECOND_PERSON_NEEDED."""
        if self.people is None:
            raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
        return self.people

    def speak_as(self, name: str) -> None:
        """Refuse with NAME_NOT_ALLOWED any name but the device's own."""
        if self.reach is Reach.ITSELF and name != self.identity.name:
            raise CekalwatchError(Code.NAME_NOT_ALLOWED)

    def sit_at(self, agent_id: str) -> None:
        """Refuse with NAME_NOT_ALLOWED any agent's key but that of the device."""
        if self.identity.role in _DESKS and agent_id != self.identity.name:
            raise CekalwatchError(Code.NAME_NOT_ALLOWED)

    def act_at(self, site: str) -> None:
        """Refuse with SITE_NOT_ALLOWED any other site."""
        if not self.sees(site):
            raise CekalwatchError(Code.SITE_NOT_ALLOWED)

    def one_site(self, wanted: str, home_site: str) -> str:
        """Return the site of a request: `wanted`, else the device's, or `home_site` if it has none.

        Refuses with SITE_NOT_ALLOWED a site that it may not see.
        """
        site = wanted or (self.identity.site if self.device.site else home_site)
        self.act_at(site)
        return site

    def sees(self, site: str) -> bool:
        """Whether the caller may see data of `site`."""
        return self.reach is Reach.SERVER or site == self.identity.site

    def narrow(self, wanted: AlertFilter) -> AlertFilter:
        """Return `wanted` limited to its reach; SITE_NOT_ALLOWED when it names another site."""
        return replace(wanted, site=self.narrow_site(wanted.site))

    def narrow_site(self, wanted: str) -> str:
        """Return the site within its reach, empty for all; SITE_NOT_ALLOWED when `wanted` is another one."""
        if self.reach is Reach.SERVER:
            return wanted
        self.act_at(wanted or self.identity.site)
        return self.identity.site


LOCAL = Caller(Identity(DeviceRole.SERVER, "local", "local"), Reach.SERVER, Device(Actor(ActorKind.CLIENT, "loopback")))
"""A caller in plaintext on this machine: development and tests. With certificates there is no such caller."""


def device_caller(identity: Identity, device: Device, method: str, served_sites: frozenset[str]) -> Caller:
    """Return the caller of `method` without a person; raises METHOD_NOT_ALLOWED or SITE_NOT_ALLOWED."""
    right = RIGHTS.get(method)
    grant = right.devices.get(identity.role) if right else None
    if grant is None:
        raise CekalwatchError(Code.METHOD_NOT_ALLOWED, f"{identity.role} {method}")
    if identity.site not in served_sites:
        raise CekalwatchError(Code.SITE_NOT_ALLOWED, identity.site)
    return Caller(identity, grant.reach, device, grant.people, grant.welcome)
