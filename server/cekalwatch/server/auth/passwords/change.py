"""How people change their own passwords. Blocks for a few tenths of a second; see `passwords`."""

from __future__ import annotations

from cekalwatch.server.audit.entry import Action, AuditEntry, Thing
from cekalwatch.server.auth.device import Device
from cekalwatch.server.auth.passwords.passwords import Passwords, judge_password
from cekalwatch.server.auth.passwords.provider import PasswordProvider
from cekalwatch.server.auth.sessions import Session
from cekalwatch.server.auth.sign_in import PasswordProof, SignInRefusedError, SignInService
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import KeptPassword, PeopleStore


class PasswordChange:
    """Changes passwords, and records it."""

    def __init__(
        self, store: PeopleStore, passwords: Passwords, provider: PasswordProvider, desk: SignInService, clock: Clock
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._provider = provider
        self._desk = desk
        self._clock = clock

    def change(self, session: Session, device: Device, present: str, wanted: str) -> None:
        """Give the session's person the password `wanted`; all other sessions of theirs end.

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
            self._desk.note(refusal, device)
            raise
        if self._passwords.check(account.password.hash, wanted).right:
            raise CekalwatchError(Code.PASSWORD_NOT_CHANGED)
        kept = KeptPassword(self._passwords.hash(wanted), must_change=False)
        key = Thing.PERSON.key(person.person_id)
        entry = AuditEntry(self._clock.now(), device.used_by(person.person_id), Action.PASSWORD_CHANGED, (key,))
        self._store.set_password(person.person_id, kept, entry, but_session=session.key)
