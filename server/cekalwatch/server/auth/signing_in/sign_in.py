"""Signs people in: the interface of identity providers, and the service that begins sessions.

A provider identifies a person. Only this server decides what the person may do, by the roles of their record.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.auth.refusals import RefusalTrail
from cekalwatch.server.auth.sessions import Device, SecondSignature, Session, Sessions
from cekalwatch.server.domain.people import TryAllowance
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import Account, PeopleStore

ASK_PROVIDER_EVERY = timedelta(minutes=5)
"""How long a session may outlast the permission of the identity provider."""

log = structlog.get_logger()


@dataclass(frozen=True)
class PasswordProof:
    """A name and a password, as typed."""

    sign_in_name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class CodeProof:
    """An authorization code of OpenID Connect, with the proof that it is this client's (RFC 7636) and is fresh."""

    code: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    nonce: str = field(repr=False)
    asked_anew: bool = False
    """Whether the provider must have authenticated the person just now."""
    native: bool = False
    """Whether it was given on an officer's PC (RFC 8252), where the provider must have done so in any case."""


Proof = PasswordProof | CodeProof


class SignInRefusedError(CekalwatchError):
    """A refused sign-in; the identity, if known, goes to the audit trail, not to the caller."""

    def __init__(
        self,
        code: Code = Code.SIGN_IN_REFUSED,
        detail: str = "",
        person_id: UUID | None = None,
        locked_for: timedelta | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.person_id = person_id
        self.locked_for = locked_for
        """Duration for which this attempt locks the name; None if it does not."""


_P_contra = TypeVar("_P_contra", PasswordProof, CodeProof, contravariant=True)


class IdentityProvider(Protocol[_P_contra]):
    """Identifies a person by one kind of proof. Its method blocks, for seconds at most."""

    def identify(self, proof: _P_contra) -> Account:
        """Return the person known here whom `proof` proves. Raises SignInRefusedError, PROVIDER_UNAVAILABLE."""


@dataclass(frozen=True)
class ProviderGrant:
    """With it the server asks the provider later whether a person is still allowed."""

    refresh_token: str = field(repr=False)
    client_id: str


class CodeProvider(Protocol):
    """A provider that a browser visits. Its methods block, for seconds at most."""

    def prove(self, proof: CodeProof) -> tuple[Account, ProviderGrant | None]:
        """Return the person known here whom `proof` proves, and the provider's grant, if it gave one.

        Raises SignInRefusedError, SIGN_IN_NOT_OFFERED, PROVIDER_UNAVAILABLE.
        """

    def renew(self, grant: ProviderGrant) -> ProviderGrant | None:
        """Return the grant as it is from now on; None: the provider allows the person no longer.

        Raises PROVIDER_UNAVAILABLE.
        """

    def facts(self, *, with_endpoints: bool, native: bool = False) -> ProviderFacts | None:
        """Return the data for a browser, of an officer's PC when `native`; None where such a PC takes passwords only.

        Raises PROVIDER_UNAVAILABLE when wanted endpoints are not available.
        """


class ProviderGrants:
    """Asks the provider again for each session that began there, and ends those of people whom it allows no longer.

    Grants are secrets, and are kept in memory only. So a session whose server stops is not asked about any more.
    """

    def __init__(self, provider: CodeProvider, sessions: Sessions, clock: Clock) -> None:
        self._provider, self._sessions, self._clock = provider, sessions, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[ProviderGrant, datetime]] = {}
        """By the key of the session; the moment when it is asked about."""

    def keep(self, session_key: str, grant: ProviderGrant) -> None:
        """Keep the grant of a session."""
        with self._lock:
            self._kept[session_key] = grant, self._clock.now() + ASK_PROVIDER_EVERY

    def ask(self, server: Actor) -> None:
        """Ask about the sessions whose turn has come; while the provider is away, they stay. It blocks.

        `server` is who ends sessions then, in the audit trail.
        """
        now = self._clock.now()
        with self._lock:
            due = [(key, grant) for key, (grant, at) in self._kept.items() if at <= now]
        for key, grant in due:
            try:
                is_open = self._sessions.is_open(key)
                renewed = self._provider.renew(grant) if is_open else None
            except CekalwatchError:
                return  # the others would wait as long
            if renewed:
                self.keep(key, renewed)
                continue
            if is_open:
                self._sessions.withdraw(key, server)
            with self._lock:
                self._kept.pop(key, None)


class DeviceTries:
    """Limits the wrong passwords of one device for all names, on all servers of a database together.

    A name is locked after a few wrong ones (`LockOut`); this limit keeps a device's holder from trying a few passwords
    with every name. It counts in the database, and blocks.
    """

    def __init__(self, store: PeopleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._allowance = TryAllowance()

    @contextmanager
    def at(self, device: Device) -> Iterator[None]:
        """Count the block as a wrong attempt unless it succeeds, or the identity provider does not answer.

        Raises SIGN_IN_TOO_OFTEN before it.

        The server's own machine is not counted: whoever works there can read the database.
        """
        if not device.binding:
            yield
            return
        if not self._store.begin_try_at(device.binding, self._clock.now(), self._allowance, device.share):
            raise SignInRefusedError(Code.SIGN_IN_TOO_OFTEN, "device")
        try:
            yield
        except CekalwatchError as error:
            if error.code is not Code.PROVIDER_UNAVAILABLE:
                raise
            self._store.take_back(device.binding, self._allowance, device.share)
            raise
        self._store.take_back(device.binding, self._allowance, device.share)


class SignInService:
    """Signs people in, and records successes and refusals."""

    def __init__(
        self,
        passwords: IdentityProvider[PasswordProof],
        openid: CodeProvider | None,
        sessions: Sessions,
        refusals: RefusalTrail,
        clock: Clock,
        tries: DeviceTries,
    ) -> None:
        """`openid` is None where no provider is configured."""
        self._tries = tries
        self._passwords = passwords
        self._openid = openid
        self._sessions = sessions
        self._refusals = refusals
        self._clock = clock
        self.grants = ProviderGrants(openid, sessions, clock) if openid else None
        self._counting = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        """Results of sign-ins since the start: OK, or the code of the refusal."""

    def provider(self, *, with_endpoints: bool, native: bool = False) -> ProviderFacts | None:
        """Return the data of `CodeProvider.facts`; None without a provider. Raises PROVIDER_UNAVAILABLE."""
        return self._openid.facts(with_endpoints=with_endpoints, native=native) if self._openid else None

    def sign_in(self, proof: Proof, device: Device, beside: SecondSignature | None = None) -> tuple[str, Session]:
        """Sign a person in, and return the token and the session; with `beside`, as the second person of that act.

        Raises SignInRefusedError, SIGN_IN_NOT_OFFERED, and the errors of a provider.
        """
        # The first person's session at the provider, in the same browser, must not sign for the second person.
        if beside and isinstance(proof, CodeProof):
            proof = replace(proof, asked_anew=True)
        try:
            account, grant = self._identify(proof, device)
            if account.person.barred:
                raise SignInRefusedError(detail="disabled, or without a role", person_id=account.person.person_id)
            if device.site is not None and not account.person.works_at(device.site):
                raise SignInRefusedError(Code.PERSON_SITE_NOT_ALLOWED, person_id=account.person.person_id)
        except SignInRefusedError as refusal:
            self.note(refusal, device)
            raise
        by_password = isinstance(proof, PasswordProof)
        token, session = self._sessions.begin(account, device, beside, by_password=by_password)
        if self.grants and grant and not beside:
            self.grants.keep(session.key, grant)
        self._count(OK)
        purpose = beside.act.action if beside else "SESSION"
        log.info("signed_in", person_id=str(account.person.person_id), purpose=purpose, device=str(device.actor))
        return token, session

    def note(self, refusal: SignInRefusedError, device: Device) -> None:
        """Record a refusal, or count its repeats; attempts on a locked name are not recorded, since the lock is."""
        self._count(refusal.code)
        if refusal.code is Code.SIGN_IN_LOCKED:
            return
        now = self._clock.now()
        known = (ObjectKind.PERSON.key(refusal.person_id),) if refusal.person_id else ()
        entries = [AuditEntry(now, device.actor, Action.SIGN_IN_REFUSED, known, refusal.code)]
        if refusal.locked_for:
            seconds = int(refusal.locked_for.total_seconds())
            entries.append(AuditEntry(now, device.actor, Action.SIGN_IN_LOCKED, known, details={"seconds": seconds}))
        if self._refusals.record(*entries):
            log.warning("sign_in_refused", code=refusal.code, detail=refusal.detail, device=str(device.actor))

    def _count(self, outcome: str) -> None:
        with self._counting:
            self.outcomes[outcome] += 1

    def _identify(self, proof: Proof, device: Device) -> tuple[Account, ProviderGrant | None]:
        if isinstance(proof, PasswordProof):
            with self._tries.at(device):
                return self._passwords.identify(proof), None
        if self._openid is None:
            raise CekalwatchError(Code.SIGN_IN_NOT_OFFERED)
        with self._tries.at(device):
            return self._openid.prove(proof)
