"""The provider of identities that keeps passwords itself. Blocks for a tenth of a second; see `passwords`."""

from __future__ import annotations

from cekalwatch.server.auth.passwords.lockout import LockOut
from cekalwatch.server.auth.passwords.passwords import Passwords
from cekalwatch.server.auth.sign_in import PasswordProof, SignInRefusedError
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.storage.people.store import Account, PeopleStore


class PasswordProvider:
    """Tells people by name and password."""

    def __init__(self, store: PeopleStore, passwords: Passwords, clock: Clock, rule: LockOut | None = None) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._rule = rule or LockOut()

    def identify(self, proof: PasswordProof) -> Account:
        """See `IdentityProvider`. What is refused looks the same, and takes as long, whether the name is known or not.

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
