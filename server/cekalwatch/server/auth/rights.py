"""The table of rights: which roles may call which method, and for which site. Pure: it knows no transport.

Methods that are not in the table are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import HANDLES_ALERTS, PersonRole
from cekalwatch.contract.values.rights import (
    ACKNOWLEDGEMENT,
    ADJUDICATION,
    AGENT,
    ALARM_LIST,
    ALARM_WATCH,
    BY_LIST_MANAGERS,
    CAMERA,
    CAMERA_VIEW,
    CONFIRMATION,
    DESKS,
    DEVICES,
    GATES,
    HEALTH,
    LAW,
    OBSERVER,
    OFFICE,
    ORDER,
    PASSWORD_PARTS,
    PEOPLE,
    PORT,
    PORTS,
    SESSION,
    SHIFT,
    SHRUNKEN_LIST,
    SIGN_IN,
    SIGN_IN_METHODS,
    STATUS,
    SUBSCRIPTION,
    THRESHOLD,
    TRAIL,
    TRAIL_EXPORT,
    WALL,
    WATCHLIST,
    Reach,
    Right,
)
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.identity import DeviceRole, Identity

RIGHTS: Mapping[str, Right] = MappingProxyType(
    {
        "/cekalwatch.v1.CaptureService/StreamFaces": CAMERA,
        "/cekalwatch.v1.AlertService/SubscribeAlerts": SUBSCRIPTION,
        "/cekalwatch.v1.AlertService/AcknowledgeAlerts": AGENT,
        "/cekalwatch.v1.AlertService/ListAlerts": OFFICE,
        "/cekalwatch.v1.AlertService/ListChangedAlerts": OFFICE,
        "/cekalwatch.v1.AlertService/GetAlert": OFFICE,
        "/cekalwatch.v1.AlertService/ListAlertFaces": OFFICE,
        "/cekalwatch.v1.AlertService/RecordLook": ADJUDICATION,
        "/cekalwatch.v1.AlertService/ClaimAlert": ADJUDICATION,
        "/cekalwatch.v1.AlertService/ReleaseAlert": ADJUDICATION,
        "/cekalwatch.v1.AlertService/TakeOverAlert": CONFIRMATION,
        "/cekalwatch.v1.AlertService/AdjudicateAlert": ADJUDICATION,
        "/cekalwatch.v1.AlertService/UndoJudgement": ADJUDICATION,
        "/cekalwatch.v1.AlertService/ConfirmAlert": CONFIRMATION,
        "/cekalwatch.v1.AlertService/EnterReference": CONFIRMATION,
        "/cekalwatch.v1.AlertService/ClearAlert": ADJUDICATION,
        "/cekalwatch.v1.AlertService/RecordFollowUp": ADJUDICATION,
        "/cekalwatch.v1.AlertService/CloseAlert": ADJUDICATION,
        "/cekalwatch.v1.AlertService/GetShiftReport": SHIFT,
        "/cekalwatch.v1.ReportService/GetFieldReport": SHIFT,
        "/cekalwatch.v1.ShiftService/LeaveShift": ADJUDICATION,
        "/cekalwatch.v1.ShiftService/ListHandOvers": ADJUDICATION,
        "/cekalwatch.v1.ShiftService/TakeShift": ADJUDICATION,
        "/cekalwatch.v1.ShiftService/GetExerciseHours": CONFIRMATION,
        "/cekalwatch.v1.ShiftService/SetExerciseHours": CONFIRMATION,
        "/cekalwatch.v1.PortService/ReportAlerts": PORT,
        "/cekalwatch.v1.PortService/ListPorts": PORTS,
        "/cekalwatch.v1.PortService/ListPortAlerts": PORTS,
        "/cekalwatch.v1.PortService/GetPortAlert": PORTS,
        "/cekalwatch.v1.WatchlistService/ImportWatchlist": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ImportListFile": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSubjects": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetSubject": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSubjectFaces": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetSubjectHistory": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AmendOrder": ORDER,
        "/cekalwatch.v1.WatchlistService/ListLookAlikes": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/JudgeLookAlikes": BY_LIST_MANAGERS,
        "/cekalwatch.v1.WatchlistService/SyncNow": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AcceptShrunkenList": SHRUNKEN_LIST,
        "/cekalwatch.v1.WatchlistService/GetSyncStatus": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListSyncRuns": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/ListAgencies": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/GetLaw": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/PreviewLawRow": WATCHLIST,
        "/cekalwatch.v1.WatchlistService/AddLawRow": LAW,
        "/cekalwatch.v1.WatchlistService/PutAgency": BY_LIST_MANAGERS,
        "/cekalwatch.v1.WatchlistService/RemoveAgency": BY_LIST_MANAGERS,
        "/cekalwatch.v1.ListFeedService/FollowList": PORT,
        "/cekalwatch.v1.ListFeedService/ReadList": PORT,
        "/cekalwatch.v1.ListFeedService/FetchReferences": PORT,
        "/cekalwatch.v1.OperationsService/GetStatus": STATUS,
        "/cekalwatch.v1.OperationsService/ListCounters": CONFIRMATION,
        "/cekalwatch.v1.OperationsService/GetThreshold": STATUS,
        "/cekalwatch.v1.OperationsService/SetThreshold": THRESHOLD,
        "/cekalwatch.v1.OperationsService/ForgetLearnedThreshold": THRESHOLD,
        "/cekalwatch.v1.OperationsService/GetGates": CONFIRMATION,
        "/cekalwatch.v1.OperationsService/SetGatePolicy": GATES,
        "/cekalwatch.v1.AuditService/SearchAuditEntries": TRAIL,
        "/cekalwatch.v1.AuditService/GetAuditEntry": TRAIL,
        "/cekalwatch.v1.AuditService/VerifyAuditTrail": TRAIL,
        "/cekalwatch.v1.AuditService/ExportAuditEntries": TRAIL_EXPORT,
        "/cekalwatch.v1.TroubleService/WatchTroubles": ALARM_WATCH,
        "/cekalwatch.v1.TroubleService/ListTroubles": ALARM_LIST,
        "/cekalwatch.v1.TroubleService/AcknowledgeTrouble": ACKNOWLEDGEMENT,
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
            PEOPLE,
        ),
        "/cekalwatch.v1.PeopleService/TakePasswordParts": PASSWORD_PARTS,
        **dict.fromkeys(
            (
                f"/cekalwatch.v1.DeviceService/{name}"
                for name in ("ListDevices", "InviteDevice", "CancelInvitation", "RevokeDevice")
            ),
            DEVICES,
        ),
        "/cekalwatch.v1.CameraService/GetCameraPolicy": DEVICES,
        "/cekalwatch.v1.CameraService/SetCameraPolicy": DEVICES,
        "/cekalwatch.v1.CameraService/GetAimingPicture": CAMERA_VIEW,
        "/cekalwatch.v1.CameraService/ListSurveys": CAMERA_VIEW,
        "/cekalwatch.v1.CameraService/ReportSurvey": CAMERA,
        "/cekalwatch.v1.SessionService/GetSignInMethods": SIGN_IN_METHODS,
        "/cekalwatch.v1.SessionService/SignIn": SIGN_IN,
        "/cekalwatch.v1.SessionService/GetSession": SESSION,
        "/cekalwatch.v1.SessionService/ChangePassword": SESSION,
        "/cekalwatch.v1.SessionService/SignOut": SESSION,
        "/cekalwatch.v1.SessionService/BeginWall": WALL,
        "/cekalwatch.v1.SessionService/AskApproval": SESSION,
        "/cekalwatch.v1.SessionService/ListApprovals": SESSION,
        "/cekalwatch.v1.SessionService/AnswerApproval": SESSION,
        "/grpc.health.v1.Health/Check": HEALTH,
        "/grpc.health.v1.Health/List": OBSERVER,
        "/grpc.health.v1.Health/Watch": OBSERVER,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetTopChannels": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServers": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServer": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetServerSockets": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetChannel": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSubchannel": OBSERVER,
        "/grpc.channelz.v1.Channelz/GetSocket": OBSERVER,
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
        if self.identity.role in DESKS and agent_id != self.identity.name:
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
