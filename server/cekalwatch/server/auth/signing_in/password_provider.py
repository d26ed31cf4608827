"""The identity provider that keeps passwords itself, and how people change theirs.

Blocks for a few tenths of a second; see `passwords`.
"""

from __future__ import annotations

from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.auth.signing_in.passwords import Passwords, judge_password
from cekalwatch.server.auth.signing_in.sign_in import PasswordProof, SignInRefusedError, SignInService
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import LockOut
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore


class PasswordProvider:
    """Identifies people by name and password."""

    def __init__(self, store: PeopleStore, passwords: Passwords, clock: Clock, rule: LockOut | None = None) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._rule = rule or LockOut()

    def identify(self, proof: PasswordProof) -> Account:
        """Return the person. A refusal looks the same, and takes as long, whether the name is known or not.

        While a name is locked no password is looked at, the right one included.
        """
        name = proof.sign_in_name.casefold()
        tries = self._store.begin_try(name, self._clock.now(), self._rule)
        if tries is None:
            raise SignInRefusedError(Code.SIGN_IN_LOCKED)
        account = self._store.account(name)
        kept = account.password.hash if account else None
        verdict = self._passwords.check(kept, proof.password)
        if account is None or not verdict.right:
            raise SignInRefusedError(
                detail="password" if account else "name",
                person_id=account.person.person_id if account else None,
                locked_for=self._rule.after(tries.failures),
            )
        self._store.forgive(name)
        if verdict.renewed_hash:
            self._store.renew_hash(account.person.person_id, kept, verdict.renewed_hash)
        return account


class PasswordChange:
    """Changes passwords, and records it."""

    def __init__(
        self, store: PeopleStore, passwords: Passwords, provider: PasswordProvider, sign_in: SignInService, clock: Clock
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._provider = provider
        self._sign_in = sign_in
        self._clock = clock

    def change(self, session: Session, device: Device, present: str, wanted: str) -> None:
        """Yield the session's person the password `wanted`; all other sessions of theirs end.

        A wrong `present` raises SignInRefusedError, is counted and recorded as at a sign-in. Else raises what
        `judge_password` does, PASSWORD_NOT_CHANGED, and PASSWORD_NOT_KEPT_HERE.
        """
        person = session.person
        account = self._store.account(person.sign_in_name)
        if account is None or account.password.hash is None:
            raise CekalwatchError(Code.PASSWORD_NOT_KEPT_HERE)
        judge_password(wanted, person)
        try:
            self._provider.identify(PasswordProof(person.sign_in_name, present))
        except SignInRefusedError as refusal:
            self._sign_in.note(refusal, device)
            raise
        if self._passwords.check(account.password.hash, wanted).right:
            raise CekalwatchError(Code.PASSWORD_NOT_CHANGED)
        kept = KeptPassword(self._passwords.hash(wanted), must_change=False)
        key = ObjectKind.PERSON.key(person.person_id)
        entry = AuditEntry(self._clock.now(), device.used_by(person.person_id), Action.PASSWORD_CHANGED, (key,))
        self._store.set_password(person.person_id, kept, entry, but_session=session.key)
