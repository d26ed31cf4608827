"""People for tests, and all that lets them in, on a database and by a clock that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import uuid6
from argon2 import Parameters, Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, Link
from cekalwatch.server.auth.admission import PersonAuthentication
from cekalwatch.server.auth.refusals import RefusalTrail
from cekalwatch.server.auth.sessions import Device, SecondSignature, Sessions, TokenPurpose
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.auth.signing_in.passwords import PasswordChange, PasswordProvider, Passwords
from cekalwatch.server.auth.signing_in.sign_in import DeviceTries, PasswordProof, Proof, SignInService
from cekalwatch.server.domain.people import JointAct, Person, TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.session_store import NewSession, SessionStore
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore
from tests.support.builders.keys import open_keys

PASSWORD = "kuda hujan lampu besi"
OTHER_PASSWORD = "sepeda awan garam merah"
CHEAP = Parameters(Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1)
"""Argon2 for tests that count tries and not seconds."""
SITE = "batam-center"
ADMINISTRATION = Actor(ActorKind.COMMAND, "test")


@contextmanager
def office_in(folder: Path) -> Iterator[Office]:
    """An office on a database of its own, below `folder`."""
    with closing(Database(f"sqlite:///{folder / 'test.sqlite3'}")) as database:
        database.upgrade()
        yield Office(database)


def person(name: str = "budi", *roles: PersonRole, sites: tuple[str, ...] = (SITE,), disabled: bool = False) -> Person:
    """An officer, or who has `roles`."""
    chosen = frozenset(roles or (PersonRole.OFFICER,))
    return Person(uuid6.uuid7(), name, f"Petugas {name}", chosen, frozenset(sites), disabled)


def device(name: str = "pc-1", site: str = SITE) -> Device:
    """A notifier, which is told from others by its binding."""
    return Device(Actor(ActorKind.DEVICE, f"{site}/notifier/{name}"), f"binding of {name}", site)


@cache
def cheap_passwords() -> Passwords:
    return Passwords(CHEAP)


def programs_passwords() -> Passwords:
    """Those of a program in a process of its own, which renews other hashes."""
    return Passwords(RFC_9106_LOW_MEMORY)


TOGETHER = TwoPeople(
    TwoPersonAction.CHANGE_THRESHOLD, person("adi", PersonRole.ADMINISTRATOR), person("sari", PersonRole.SUPERVISOR)
)
"""Two who may change the threshold."""


class HandClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def elapsed_s(self) -> float:
        return self.moment.timestamp()

    def go(self, **time: float) -> None:
        self.moment += timedelta(**time)


@dataclass
class Office:
    """Everything that signing in takes, without a server."""

    database: Database
    clock: HandClock = field(default_factory=HandClock)
    passwords: Passwords = field(default_factory=cheap_passwords)

    def __post_init__(self) -> None:
        open_keys(self.database)
        self.people = PeopleStore(self.database)
        self.audit = AuditStore(self.database)
        self.refusals = RefusalTrail(self.audit, self.clock)
        self.sessions = Sessions(SessionStore(self.database), self.refusals, self.clock, SessionTerms())
        self.provider = PasswordProvider(self.people, self.passwords, self.clock)
        self.tries = DeviceTries(self.people, self.clock)
        self.desk = SignInService(self.provider, None, self.sessions, self.refusals, self.clock, self.tries)
        self.changes = PasswordChange(self.people, self.passwords, self.provider, self.desk, self.clock)
        self.attendance = PersonAuthentication(self.sessions)

    def hire(self, who: Person, password: str | None = PASSWORD, *, first: bool = False) -> Account:
        """Add a person; `first`: the password is one that must be changed."""
        account = Account(who, KeptPassword(self.passwords.hash(password) if password else None, must_change=first))
        self.people.add(account, self.entry(Action.PERSON_ADDED))
        return account

    def entry(self, action: Action) -> AuditEntry:
        return AuditEntry(self.clock.now(), ADMINISTRATION, action)

    def proof(self, name: str = "budi", password: str = PASSWORD) -> PasswordProof:
        return PasswordProof(name, password)

    def trail(self, *actions: Action) -> list[Link]:
        """What was recorded, of these actions or of all."""
        return [one for one in self.audit.links() if not actions or one.action in actions]


def code_of(office: Office, proof: Proof, at: Device | None = None) -> Code | None:
    """Try to sign in; return the refusal's code."""
    try:
        office.desk.sign_in(proof, at or device())
    except CekalwatchError as error:
        return error.code
    return None


def ended(office: Office, token: str, at: Device | None = None) -> bool:
    """Whether a session has ended, for who shows its token at that device."""
    try:
        office.sessions.resume(token, at or device())
    except CekalwatchError as error:
        return error.code is Code.SESSION_ENDED
    return False


def opened(office: Office, beside: SecondSignature | None = None, name: str = "budi") -> str:
    """Sign in, as the second person of an act where there is one, and return the token."""
    return office.desk.sign_in(office.proof(name), device(), beside)[0]


def errand(office: Office, argument: bytes = b"0.6", name: str = "adi") -> SecondSignature:
    """What a second person may sign in for: `name` has signed in, and wants to set the threshold."""
    if office.people.account(name) is None:
        office.hire(person(name, PersonRole.ADMINISTRATOR))
    _, first = office.desk.sign_in(office.proof(name), device())
    return SecondSignature(JointAct.of(TwoPersonAction.CHANGE_THRESHOLD, argument), first)


def begin_session(store: SessionStore, who: Person, pc: str, now: datetime) -> str:
    """Begin a session at a PC, whose name is its certificate's too, and return its key."""
    key, entry = f"{who.sign_in_name}@{pc}", AuditEntry(now, device(pc).actor, Action.SIGNED_IN)
    ends = now + SessionTerms().lifetime
    store.begin(NewSession(key, TokenPurpose.SESSION, who.person_id, True, pc, pc, now, ends), entry)
    return key
