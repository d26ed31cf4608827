"""Everything that people's work on alerts takes, on a database and by a clock that a test sets, without a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from cekalwatch.contract.values.adjudication import AlertEventType, Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudication, Adjudicator
from cekalwatch.server.alerts.automatic_steps import Escalator, OrderWatch
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.retention import RetentionSweeper
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.auth.sessions import PeopleHere
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.alerts.adjudication import FollowUp
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import HandlingPolicy
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.people import Person
from cekalwatch.server.domain.presence import AgentPresence
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.alerts.retention_store import RetentionStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import ExerciseStore
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.alerts import DEPARTURE, NOON, capture, match
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, order, subject
from tests.support.scenarios.people import begin_session, person

POLICY = HandlingPolicy()
REFERENCE = "CO-2026/0117"


class _LookingEscalator(Escalator):
    """Looks at the PCs before each round, as a job of its own does in the server."""

    def escalate(self) -> int:
        self._attendance.look()
        return super().escalate()


@dataclass
class Counter:
    """A site's alerts and people; two officers and a supervisor are hired."""

    database: Database
    clock: Clock
    policy: HandlingPolicy = POLICY
    keys: Keyring | None = None
    """Those of the tests' master key, if none are given."""
    announced: int = 0
    sightings: int = 0

    def __post_init__(self) -> None:
        keys = self.keys or keyring(self.database)
        self.alerts, self.handling = AlertStore(self.database, keys), HandlingStore(self.database, keys)
        self.watchlist, self.people = WatchlistStore(self.database, keys), PeopleStore(self.database)
        self.audit = AuditStore(self.database)
        self.checkpoints = checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        orders = AlertOrders(self.watchlist, checkpoints)
        self.exercises = ExerciseStore(self.database, keys)
        self.details = AlertDetailsReader(
            self.alerts,
            self.watchlist,
            self.people,
            orders,
            self.clock,
            exercises=self.exercises,
        )
        myself = Actor(ActorKind.SERVER, "test")
        self.pcs = {"pc-1": AgentPresence()}
        """What subscribed PCs watch, by agent: there is one for all counters."""
        cameras = (DEPARTURE, replace(DEPARTURE, camera_id="dep-2", counter="D2"))
        self.attendance = Attendance(cameras, lambda: WholePresence((), {}, {}, dict(self.pcs)), self.clock)
        self.adjudicator = Adjudicator(
            self.handling,
            self.alerts,
            orders,
            self.people,
            self.clock,
            self.policy,
            self._announce,
            self.attendance.has_officer,
        )
        self.order_watch = OrderWatch(
            self.handling, self.alerts, self.watchlist, checkpoints, self.clock, myself, self._announce
        )
        self.sessions, self.revoked = SessionStore(self.database), set[str]()
        self.escalator = _LookingEscalator(
            self.handling,
            self.alerts,
            orders,
            PeopleHere(self.sessions, self.revoked.__contains__).gone,
            self.clock,
            self.policy,
            myself,
            self._announce,
            self.attendance,
        )

    def sweeper(self, policy: RetentionPolicy = RetentionPolicy()) -> RetentionSweeper:  # noqa: B008  # frozen
        """The removal of what is kept no longer."""
        retention, myself = RetentionStore(self.database), Actor(ActorKind.SERVER, "test")
        return RetentionSweeper(self.alerts, self.handling, retention, self.clock, myself, policy)

    def _announce(self) -> None:
        self.announced += 1

    def hire(self, name: str, *roles: PersonRole, sites: tuple[str, ...] = ("batam-center",)) -> ActingPerson:
        """Add a person, and return them signed in at a PC of their own."""
        who = person(name, *roles, sites=sites)
        entry = AuditEntry(self.clock.now(), Actor(ActorKind.COMMAND, "test"), Action.PERSON_ADDED)
        self.people.add(Account(who, KeptPassword(None, must_change=False)), entry)
        self.sign_in(who, f"pc-{name}")
        return ActingPerson(
            who, Actor(ActorKind.PERSON, f"{who.person_id}@pc-{name}"), lambda site: site == "batam-center"
        )

    def sign_in(self, who: Person, pc: str) -> str:
        """Begin a session at a PC, and return its key."""
        return begin_session(self.sessions, who, pc, self.clock.now())

    def list_subject(self, subject_id: str = "S-1", until: date = date(2026, 6, 30)) -> None:
        """Put a subject with an order that is in force at noon on the watchlist."""
        self.watchlist.put(subject(subject_id), order("O-1", subject_id=subject_id, valid_until=until), [])

    def raise_alert(self, passage: str = "1", subject_id: str = "S-1", window: timedelta = timedelta(0)) -> UUID:
        """Let a passage match, and return its alert: a new one, if none is near enough in time."""
        self.sightings += 1
        now = self.clock.now()
        seen = capture(passage=passage, at=now + timedelta(milliseconds=self.sightings))
        event = self.alerts.record(match(seen, subject=subject_id), window, now)
        assert event is not None
        return event.alert_id

    def claim(self, alert_id: UUID, who: ActingPerson) -> Alert:
        return self.adjudicator.claim(alert_id, who, seat(who))

    def look(
        self, alert_id: UUID, who: ActingPerson, outcome: Outcome = Outcome.REFERRED, version: int | None = None
    ) -> Alert:
        """Look at the faces of an alert as it stands."""
        seen = self.version(alert_id) if version is None else version
        return self.adjudicator.look(alert_id, who, outcome, seen)

    def judge(
        self,
        alert_id: UUID,
        who: ActingPerson,
        outcome: Outcome = Outcome.REFERRED,
        reason: Reason = Reason.FACE_AGREES,
        note: str = "",
        version: int | None = None,
    ) -> Alert:
        """Judge an alert that `who` holds, as it stands."""
        seen = self.alerts.get(alert_id).version if version is None else version
        return self.adjudicator.adjudicate(alert_id, who, seat(who), Adjudication(outcome, reason, note, seen))

    def confirm(
        self,
        alert_id: UUID,
        who: ActingPerson,
        reference: str = REFERENCE,
        note: str = "",
        reason: Reason = Reason.LISTED_IN_CEKAL_ONLINE,
        version: int | None = None,
    ) -> Alert:
        """Confirm an alert as it stands."""
        seen = self.version(alert_id) if version is None else version
        return self.adjudicator.confirm(alert_id, who, reference, Adjudication(Outcome.CONFIRMED, reason, note, seen))

    def confirm_provisionally(self, alert_id: UUID, who: ActingPerson) -> Alert:
        """Confirm an alert while Cekal Online cannot be reached."""
        return self.confirm(alert_id, who, reference="", reason=Reason.CENTRAL_SYSTEM_DOWN)

    def take_over(self, alert_id: UUID, who: ActingPerson, reason: Reason = Reason.HOLDER_AWAY) -> Alert:
        """Take an alert over as it stands."""
        taken = Adjudication(Outcome.TAKEN_OVER, reason, "", self.version(alert_id))
        return self.adjudicator.take_over(alert_id, who, seat(who), taken)

    def clear(self, alert_id: UUID, who: ActingPerson, reason: Reason = Reason.TRAVELLER_GONE) -> Alert:
        """Clear an alert as it stands."""
        note = "as the supervisor says" if reason is Reason.OTHER else ""
        adjudication = Adjudication(Outcome.CLEARED, reason, note, self.version(alert_id))
        return self.adjudicator.clear(alert_id, who, adjudication)

    def version(self, alert_id: UUID) -> int:
        return self.alerts.get(alert_id).version

    def events(self, alert_id: UUID) -> list[AlertEventType]:
        """What happened to an alert, in the order of the log."""
        return [event.type for event in self.alerts.events_after(0, 1000) if event.alert_id == alert_id]

    def trail(self, *actions: Action) -> list[tuple[str, str, str]]:
        """Action, actor and details of what was recorded."""
        return [(one.action, one.actor, one.details) for one in self.audit.links() if one.action in actions]


def seat(who: ActingPerson) -> str:
    """The key of the agent at which somebody sits."""
    return who.actor.key.rpartition("@")[2]


def contact(who: ActingPerson, result: str = "two officers come") -> FollowUp:
    """A contact with the agency, written down now."""
    return FollowUp("Kejaksaan Agung", "duty desk, by telephone", result, NOON, who.person.reference, NOON)
