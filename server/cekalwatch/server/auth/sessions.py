"""Sessions of people: tokens that are bound to a device and expire. Methods block.

A token is 256 random bits. The server stores only its SHA-256, and the device's name and authority: a token that is
copied to another device is useless there, and a renewed certificate changes nothing. When the certificate with which
the session began is revoked, the session ends, also for a replacement device with the same name.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.server.auth.refusals import RefusalTrail
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.domain.people import JointAct, Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.session_store import Countersignature, KeptSession, NewSession, SessionStore
from cekalwatch.server.storage.people.store import Account

TOKEN_BYTES = 32
WALL_LASTS = timedelta(hours=12)
"""The longest time of a wall: a shift."""
SHOWN_DIGITS = 16
"""Length of a session's key, by which the audit trail distinguishes a person's sessions."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Device:
    """A device that calls."""

    actor: Actor
    """The device without a person."""
    binding: str = ""
    """SHA-256 of its name and authority, hexadecimal; empty for plaintext, which never leaves the server's machine."""
    site: str | None = None
    """Key of its site; None with plaintext, which belongs to every site."""
    certificate: str = ""
    """Issuer and serial number of its certificate, as `CertificateKey.text`; empty for plaintext."""
    share: int = 1
    """Number of devices for which it counts in the limit of sign-ins: a whole office uses one web console."""

    def used_by(self, person_id: UUID) -> Actor:
        """Return the actor in the audit trail for this person on this device."""
        return Actor(ActorKind.PERSON, f"{person_id}@{self.actor.key}")


class TokenPurpose(StrEnum):
    """The allowed use of a token."""

    SESSION = "SESSION"
    """Calls, until the session ends."""
    SECOND_PERSON = "SECOND_PERSON"
    """Approval of one act as the second person."""
    WALL = "WALL"
    """What a wall shows, and no act, until it ends: no use makes it longer, and none is needed."""


@dataclass(frozen=True)
class Session:
    """A session in use."""

    key: str
    """SHA-256 of its token."""
    person: Person
    expires_at: datetime
    password_change_needed: bool
    """The first password was not changed yet, and nothing else is allowed before that."""
    by_password: bool = True
    """Whether it began with a password; with the identity provider otherwise."""
    on_wall: bool = False
    """Whether it may only show counters (`ON_WALLS`): its person need not be there."""


@dataclass(frozen=True)
class SecondSignature:
    """The act that a second person approves, for the person of one session."""

    act: JointAct
    first: Session

    @property
    def signature(self) -> Countersignature:
        """Its stored form, until the act takes place."""
        return Countersignature(self.act, self.first.key)

    def facts(self) -> dict[str, str]:
        """Return its form in the audit trail."""
        return {
            "action": str(self.act.action),
            "argument": self.act.argument_sha256,
            "first_session": self.first.key[:SHOWN_DIGITS],
        }


class Sessions:
    """Begins, resumes and ends sessions."""

    def __init__(
        self,
        store: SessionStore,
        refusals: RefusalTrail,
        clock: Clock,
        terms: SessionTerms,
        revoked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`revoked` returns whether a device's certificate is revoked; without certificates, none is."""
        self._store = store
        self._refusals = refusals
        self._clock = clock
        self.terms = terms
        self._revoked = revoked

    def begin(
        self, account: Account, device: Device, beside: SecondSignature | None = None, *, by_password: bool
    ) -> tuple[str, Session]:
        """Begin a session, record it, and return it with its token, which is not stored.

        With `beside`, the token is the approval of a second person, for that act only.
        """
        return self._begin(
            account,
            device,
            TokenPurpose.SECOND_PERSON if beside else TokenPurpose.SESSION,
            beside,
            by_password=by_password,
        )

    def begin_wall(self, first: Session, device: Device) -> tuple[str, Session]:
        """Begin the session of a wall for the person of `first`, record it, and return it with its token.

        It outlasts `first`. Raises SESSION_ENDED.
        """
        kept = self._good(first.key, TokenPurpose.SESSION)
        return self._begin(kept.account, device, TokenPurpose.WALL, by_password=kept.by_password)

    def _begin(
        self,
        account: Account,
        device: Device,
        purpose: TokenPurpose,
        beside: SecondSignature | None = None,
        *,
        by_password: bool,
    ) -> tuple[str, Session]:
        now, token = self._clock.now(), secrets.token_urlsafe(TOKEN_BYTES)
        person = account.person
        lasts = self.terms.second_person if beside else self.terms.lifetime
        lasts = min(lasts, WALL_LASTS) if purpose is TokenPurpose.WALL else lasts
        new = NewSession(
            token_sha256=_digest(token),
            purpose=purpose,
            person_id=person.person_id,
            by_password=by_password,
            device_binding=device.binding,
            certificate=device.certificate,
            began_at=now,
            expires_at=now + lasts,
            signs=beside.signature if beside else None,
        )
        details = {"purpose": str(purpose), "by": "PASSWORD" if by_password else "OPENID"}
        details |= beside.facts() if beside else {"session": new.token_sha256[:SHOWN_DIGITS]}
        people = (person, beside.first.person) if beside else (person,)
        self._store.begin(
            new,
            AuditEntry(
                now,
                device.used_by(person.person_id),
                Action.SIGNED_IN,
                tuple(ObjectKind.PERSON.key(one.person_id) for one in people),
                details=details,
            ),
        )
        kept = KeptSession(account, by_password, device.binding, device.certificate, now, new.expires_at, purpose)
        return token, _session(new.token_sha256, kept)

    def resume(self, token: str, device: Device) -> Session:
        """Return the session of `token`; raises SESSION_ENDED. Its idle time starts again."""
        return self.again(_digest(token), device, used=True)

    def again(self, key: str, device: Device, *, used: bool) -> Session:
        """Return the present state of the session with that key; raises SESSION_ENDED.

        `used`: its person was active just now, so its idle time starts again.
        """
        kept = self._good(key, TokenPurpose.SESSION, TokenPurpose.WALL)
        self._same_device(kept, device)
        if used and kept.purpose == TokenPurpose.SESSION:
            self._note_use(key, kept)
        return _session(key, kept)

    def take_second(
        self, token: str, device: Device, beside: SecondSignature, is_for: Callable[[str], bool] = lambda _: True
    ) -> Person:
        """Return the second person of that act, and end the token, which works once.

        `is_for` says of a token's digest that it is not the word for another method. Raises SESSION_ENDED, and
        SECOND_PERSON_ELSEWHERE when it was given for another act: then it ends too.
        """
        key = _digest(token)
        kept = self._good(key, TokenPurpose.SECOND_PERSON)
        self._same_device(kept, device)
        if not self._store.remove(key):
            raise CekalwatchError(Code.SESSION_ENDED, "used at the same time")
        if kept.signs != beside.signature or not is_for(key):
            self._note_refusal(kept, device, "OTHER_ACT", beside.facts())
            raise CekalwatchError(Code.SECOND_PERSON_ELSEWHERE, beside.act.action)
        if _session(key, kept).password_change_needed:
            raise CekalwatchError(Code.PASSWORD_CHANGE_NEEDED)
        return kept.account.person

    def end(self, session: Session, device: Device) -> None:
        """End a session because its person signs out."""
        person_id = session.person.person_id
        entry = AuditEntry(
            self._clock.now(),
            device.used_by(person_id),
            Action.SIGNED_OUT,
            (ObjectKind.PERSON.key(person_id),),
            details={"purpose": str(TokenPurpose.WALL)} if session.on_wall else {},
        )
        self._store.remove(session.key, entry)

    def is_open(self, key: str) -> bool:
        """Whether there is a session with that key, which has not ended."""
        try:
            self._good(key, TokenPurpose.SESSION)
        except CekalwatchError:
            return False
        return True

    def withdraw(self, key: str, server: Actor) -> None:
        """End a session, if it is still there, because the identity provider allows its person no longer."""
        if kept := self._store.find(key, TokenPurpose.SESSION):
            person = ObjectKind.PERSON.key(kept.account.person.person_id)
            entry = AuditEntry(self._clock.now(), server, Action.SIGNED_OUT, (person,), details={"by": "PROVIDER"})
            if self._store.remove(key, entry):
                log.info("session_withdrawn", person=person)

    def _good(self, key: str, *purposes: TokenPurpose) -> KeptSession:
        kept = self._store.find(key, *purposes)
        now = self._clock.now()
        if kept is None or kept.account.person.barred:
            raise CekalwatchError(Code.SESSION_ENDED)
        if self._revoked(kept.certificate):
            raise CekalwatchError(Code.SESSION_ENDED, "certificate revoked")
        idle = kept.purpose == TokenPurpose.SESSION and now >= kept.used_at + self.terms.idle
        if idle or now >= kept.expires_at:
            self._store.remove(key, used_at=kept.used_at)  # so that its person holds nothing any more
            raise CekalwatchError(Code.SESSION_ENDED, "idle" if idle else "expired")
        return kept

    def _same_device(self, kept: KeptSession, device: Device) -> None:
        if kept.device_binding == device.binding:
            return
        self._note_refusal(kept, device, "OTHER_DEVICE", {})
        raise CekalwatchError(Code.SESSION_ENDED, "of another device")

    def _note_refusal(self, kept: KeptSession, device: Device, why: str, details: dict[str, str]) -> None:
        person = ObjectKind.PERSON.key(kept.account.person.person_id)
        entry = AuditEntry(self._clock.now(), device.actor, Action.SESSION_REFUSED, (person,), why, details=details)
        if self._refusals.record(entry):
            log.warning("token_refused", person=person, device=str(device.actor), why=why)

    def _note_use(self, key: str, kept: KeptSession) -> None:
        now = self._clock.now()
        if now - kept.used_at >= self.terms.note_period:
            self._store.touch(key, now)


def _session(key: str, kept: KeptSession) -> Session:
    change_needed = kept.by_password and kept.account.password.must_change
    on_wall = kept.purpose == TokenPurpose.WALL
    return Session(key, kept.account.person, kept.expires_at, change_needed, kept.by_password, on_wall)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class DevicesOfRole:
    """Knows the devices where somebody with one of some roles is signed in: escalations to supervisors reach theirs.

    A subscription belongs to a device and begins before anybody signs in; the person at the device can change during
    it. `follow`, which blocks, reads the devices; asking for them is cheap.
    """

    def __init__(self, store: SessionStore, terms: SessionTerms, clock: Clock, roles: frozenset[PersonRole]) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._roles = roles
        self._following = threading.Lock()
        self._devices: Mapping[str, frozenset[UUID]] = {}

    def follow(self) -> None:
        """Read the sessions of all servers. Raises StorageError."""
        with self._following:  # an older reading must not replace a newer one
            now = self._clock.now()
            used_since = now - self._terms.idle - self._terms.note_period
            self._devices = self._store.devices(TokenPurpose.SESSION, self._roles, used_since, now)

    def __contains__(self, device: Device) -> bool:
        """Whether such a person is signed in at `device`; with plaintext, anywhere on this machine."""
        return device.binding in self._devices

    def people_at(self, device: Device) -> frozenset[UUID]:
        """Return the keys of those who are signed in at `device`."""
        return self._devices.get(device.binding, frozenset())


class PeopleHere:
    """Knows which people have a session. It looks at no clock: two servers whose clocks differ say the same."""

    def __init__(self, store: SessionStore, revoked: Callable[[str], bool]) -> None:
        """`revoked` returns whether a device's certificate is revoked."""
        self._store = store
        self._revoked = revoked

    def gone(self, people: Collection[str]) -> frozenset[str]:
        """Return those of `people` without a session at any device: they signed out, or it was ended or revoked."""
        kept = self._store.of(TokenPurpose.SESSION, people)
        return frozenset(people) - {
            str(one.account.person.person_id) for one in kept if not self._revoked(one.certificate)
        }
