"""State of a server, and of the cameras, officers' PCs, ports and servers that share its database, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.cameras import CameraReference, Drops, SpoolStatus, ViewState
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import is_wrong
from cekalwatch.contract.values.federation import PortStatus
from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.thresholds import ThresholdPromise, ThresholdSource
from cekalwatch.contract.values.watchlist import Freshness

WELL = frozenset({ViewState.OK, ViewState.TURNED_AWAY, ViewState.UNSPECIFIED})
"""Views that need no action."""


@dataclass(frozen=True)
class CameraStatus:
    """The state of a camera, as the server knows it."""

    camera: CameraReference
    connected: bool
    last_heard_at: datetime | None
    """None: never."""
    frames_per_second: float
    dropped_total: int
    outbox_depth: int
    """Crops that it could not send yet."""
    outbox_age_s: float
    """Age of the oldest waiting capture."""
    view_state: ViewState
    spool: SpoolStatus
    drops: Drops
    clock_ahead: timedelta | None
    """Negative: behind; None when it has not said."""
    server: str
    """The server that heard it last; empty: none has."""
    last_face_at: datetime | None
    """When the newest face was taken that has arrived."""
    passages: int
    """Number of its last passages that `passages_fit` is counted from."""
    passages_fit: int
    """Passages with a face that was fit for an alert."""
    policy: CapturePolicy | None
    """Its policy; None from an older server."""
    reported: bool = True
    """Whether it has reported its state since the server started. It stays on the server."""

    @property
    def clock_wrong(self) -> bool:
        """Whether its clock is to be set right."""
        return self.clock_ahead is not None and is_wrong(self.clock_ahead)

    @property
    def unwell(self) -> bool:
        """Whether it needs attention."""
        return not self.connected or self.view_state not in WELL or self.clock_wrong

    @property
    def waiting_for(self) -> timedelta:
        """Age of the oldest crop that it could not send yet."""
        return timedelta(seconds=self.outbox_age_s)


@dataclass(frozen=True)
class AgentStatus:
    """A notifier agent and its position in the event log."""

    agent_id: str
    connected: bool
    acknowledged_sequence: int
    server: str
    """Where it is subscribed; empty while it is not."""


@dataclass(frozen=True)
class CounterPc:
    """An officers' PC that would ring at a counter."""

    agent_id: str
    people: tuple[str, ...] = ()
    """Names of the officers and supervisors who are signed in there."""


@dataclass(frozen=True)
class CounterStatus:
    """What the servers know of one counter."""

    site: str
    counter: str
    cameras: tuple[CameraStatus, ...]
    pcs: tuple[CounterPc, ...]
    open_alerts: int = 0
    """Unsettled alerts whose traveller was seen there last."""

    @property
    def last_face_at(self) -> datetime | None:
        """When a face was last seen at one of its cameras."""
        return max((one.last_face_at for one in self.cameras if one.last_face_at), default=None)


@dataclass(frozen=True)
class RunningServer:
    """One of the servers that share a database."""

    name: str
    """As the audit trail calls it."""
    address: str
    """Where it listens, as HOST:PORT."""
    alive: bool
    """Whether it reported a moment ago."""
    last_heard_at: datetime
    """When it reported last, by the database's clock."""
    started_at: datetime
    server_version: str
    model_version: str
    """Of the templates that it searches."""
    is_leader: bool
    """Whether it does the jobs that one server does for all of a database."""
    cameras: int
    """Connected ones."""
    agents: int
    """Subscribed ones."""
    captures_waiting: int
    """Captures that wait for their embedding."""
    captures_per_second: float
    clock_ahead: timedelta | None
    """How far its clock is ahead of the database's (negative: behind); None if both are on one machine."""


@dataclass(frozen=True)
class GalleryStatus:
    """The searched gallery, and its threshold."""

    model_pack: str
    model_version: str
    templates: int
    unusable_templates: int
    references_without_template: int
    subjects: int
    threshold: float
    threshold_source: ThresholdSource | None
    """None: one that only a newer server knows."""
    expected_fpir: float
    threshold_extrapolated: bool
    threshold_promise: ThresholdPromise
    subjects_left_out: int
    """Listed subjects without a present or future order."""
    blind: bool
    """Whether nobody is searched although at least one person should be."""

    @property
    def unsearched(self) -> int:
        """Reference faces without a usable template."""
        return self.references_without_template + self.unusable_templates


@dataclass(frozen=True)
class InferenceStatus:
    """What computes the templates."""

    engine: str
    precision: str
    batch: int
    """Faces a call with which it is fastest."""


@dataclass(frozen=True)
class CaptureCounts:
    """Captures since the start, by outcome, and their alerts."""

    accepted: int
    rejected: int
    retry: int
    alerts_raised: int
    unplaceable: int
    """Those rejected because their time could not be placed."""


@dataclass(frozen=True)
class RevocationLists:
    """The lists of revoked certificates in force, and their age."""

    certificates: int
    """Number of revoked certificates."""
    read_at: datetime
    unconfirmed_s: float
    """The time for which nothing confirmed that they are still the newest ones."""
    issued_at: datetime
    """Time at which the oldest list was made."""
    valid_until: datetime | None
    """Earliest end of a list's validity; None if none states one."""


@dataclass(frozen=True)
class RevocationStatus(RevocationLists):
    """The same, and whether they can be relied on."""

    stale: bool
    """Whether they are too old."""


@dataclass(frozen=True)
class ConnectionState:
    """The connections at one moment."""

    open: int = 0
    closed: int = 0
    """Number of connections closed since the start: their address had too many, or sent much that was not a call."""


@dataclass(frozen=True)
class CheckpointDestination:
    """A place where checkpoints of the audit trail are sent."""

    name: str
    waiting: int
    """Checkpoints that have not reached it."""
    failure: str
    """Why the last try failed; empty: it did not."""


@dataclass(frozen=True)
class SigningStatus:
    """State of the signing of the audit trail."""

    checkpoint_number: int = 0
    """Number of the newest checkpoint; 0: there is none."""
    signed_entry: int = 0
    signed_at: datetime | None = None
    change: str = ""
    """The difference between the history and the signed one, which stops signing; empty without a difference."""
    waits: str = ""
    """Why a due checkpoint is not signed; empty when none is due or it is signed."""
    destinations: tuple[CheckpointDestination, ...] = ()

    @property
    def unreached(self) -> tuple[CheckpointDestination, ...]:
        """The destinations that checkpoints do not reach."""
        return tuple(one for one in self.destinations if one.failure)

    @property
    def problem(self) -> str:
        """Why nothing is signed; empty while all is well."""
        return self.waits or self.change


@dataclass(frozen=True)
class RestoredBackup:
    """A backup from which the site was restored: everything between its two moments is gone."""

    made_at: datetime
    """The moment of its state."""
    restored_at: datetime


@dataclass(frozen=True)
class DatabaseState:
    """Whether the database can be used; while it cannot, the status is that of one server alone."""

    away_s: float | None = None
    """The time since it became unusable; None when it is usable."""
    reason: str = ""
    problem: str = ""
    """What connecting ended with."""


@dataclass(frozen=True)
class Reporting:
    """State of a port's reports to its centre."""

    connected: bool
    since: datetime
    """When that began."""
    waiting: int = 0
    """Events that the centre has not stored."""
    problem: str = ""
    """Why it is not connected: the centre's code of the catalogue, if any, or UNREACHABLE."""
    acknowledged_at: datetime | None = None
    """When the centre last stored some, since this server started."""


@dataclass(frozen=True)
class MaintenanceStatus:
    """State of the backup, the disk and the key, at one moment."""

    backup_at: datetime | None
    """When this server's last backup was made; None means never."""
    backup_stale: bool
    """Whether the last backup is older than the limit, or missing."""
    disk_bytes: int
    """Size of the disk of the data folder; 0 when it cannot be read."""
    disk_free_bytes: int
    """Free space on it; 0 when it cannot be read."""
    data_key: int = 0
    """Number of the data key that seals now; 0 while the database cannot be used."""
    data_key_at: datetime | None = None
    """When that key was made."""
    resealing: bool = False
    """Whether older values are still being sealed with it."""


@dataclass(frozen=True)
class ServerStatus:
    """The state of one server, and of the cameras and agents of all that share the database."""

    server_version: str
    started_at: datetime
    thread_budget: int
    gallery: GalleryStatus
    inference: InferenceStatus
    freshness: Freshness
    captures: CaptureCounts
    head_sequence: int
    cameras: tuple[CameraStatus, ...]
    agents: tuple[AgentStatus, ...]
    servers: tuple[RunningServer, ...]
    """The answering server comes first."""
    alarms: Alarms
    """The open alarms."""
    revocations: RevocationStatus | None
    """None when no revocation lists are followed."""
    loops: tuple[LoopStatus, ...]
    signing: SigningStatus
    connections: ConnectionState
    restored_backup: RestoredBackup | None
    """The backup that the site was restored from last; None: it never was."""
    database: DatabaseState
    ports: tuple[PortStatus, ...]
    """Those with servers of their own that report here or follow the list."""
    reporting: Reporting | None
    """State of the reports to the centre; None when this server sends none."""
    maintenance: MaintenanceStatus | None
    """None when an older server does not say."""
