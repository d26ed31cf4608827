"""Passwords: hashing, checking, judging and changing, and the provider that stores them here.

Argon2id, with the second recommended parameters of RFC 9106, for limited memory. Hashing blocks for a few tenths of a
second, and needs 64 MiB for each password.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.auth.sessions import Device, Session
from cekalwatch.server.auth.signing_in.sign_in import PasswordProof, SignInRefusedError, SignInService
from cekalwatch.server.domain.people import LockOut, Person
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import Account, KeptPassword, PeopleStore

MIN_CHARACTERS = 12
MAX_CHARACTERS = 256
MIN_STRENGTH = 3
"""Minimum score of zxcvbn's 0 to 4: "safely unguessable", more than 10^8 guesses."""

_JUDGED_CHARACTERS = 72
"""Maximum length for zxcvbn, which refuses more, and whose time grows fast with the length."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Characters, without those that are easily confused."""
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True)
class PasswordVerdict:
    """The result of a password check."""

    right: bool
    renewed_hash: str | None = None
    """The hash to store from now on, if the present one was made with other parameters."""


class Passwords:
    """Hashes and checks passwords; any number of threads may call it, but the caller limits their number."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)

    @cached_property
    def _nobodys(self) -> str:
        """The password hash for unknown names: checking it takes as long as for a known name."""
        return self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """Return the stored form of a password: algorithm, parameters, salt and hash."""
        return self._hasher.hash(_normal(password))

    def check(self, kept: str | None, password: str) -> PasswordVerdict:
        """Check `password` against the stored form `kept`; None, for an unknown name, takes as long and is wrong."""
        normal = _normal(password[:MAX_CHARACTERS])
        try:
            self._hasher.verify(kept or self._nobodys, normal)
        except (VerificationError, InvalidHashError):
            return PasswordVerdict(right=False)
        if kept is None or len(password) > MAX_CHARACTERS:
            return PasswordVerdict(right=False)
        outdated = self._hasher.check_needs_rehash(kept)
        return PasswordVerdict(right=True, renewed_hash=self._hasher.hash(normal) if outdated else None)


def judge_password(password: str, person: Person) -> None:
    """Raise PASSWORD_TOO_SHORT, PASSWORD_TOO_EASY or ARGUMENT_INVALID when the person may not have this password."""
    normal = _normal(password)
    if len(normal) < MIN_CHARACTERS:
        raise CekalwatchError(Code.PASSWORD_TOO_SHORT)
    if len(password) > MAX_CHARACTERS:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "password")
    names = re.split(r"[\W_]+", f"{person.sign_in_name} {person.display_name}")
    known = [person.sign_in_name, *names, "cekalwatch", "cekal", "imigrasi", "petugas"]
    folded = normal.casefold()
    from zxcvbn import zxcvbn  # 13 MB of words, for those only who choose a password

    judged = zxcvbn(normal[:_JUDGED_CHARACTERS], user_inputs=known)
    if person.sign_in_name.casefold() in folded or judged["score"] < MIN_STRENGTH:
        raise CekalwatchError(Code.PASSWORD_TOO_EASY)


def first_password() -> str:
    """Return a generated first password of 79 random bits, which a person types once."""
    return _grouped([secrets.choice(_LETTERS) for _ in range(_GROUPS * _GROUP)])


def password_part(number: bytes) -> str:
    """Return half a first password, of 39 bits, made of 32 random bytes; two with a hyphen between are a whole one."""
    return _grouped([_LETTERS[digit] for digit in _digits(int.from_bytes(number), _GROUPS * _GROUP // 2)])


def _digits(number: int, how_many: int) -> Iterator[int]:
    for _ in range(how_many):
        number, digit = divmod(number, len(_LETTERS))
        yield digit


def _grouped(letters: list[str]) -> str:
    return "-".join("".join(letters[start : start + _GROUP]) for start in range(0, len(letters), _GROUP))


def _normal(password: str) -> str:
    """Return one form for characters that keyboards encode differently (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


class PasswordProvider:
    """Identifies people by name and password."""

    def __init__(self, store: PeopleStore, passwords: Passwords, clock: Clock) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._rule = LockOut()

    def identify(self, proof: PasswordProof) -> Account:
        """Return the person. A refusal looks the same, and takes as long, whether the name is known or not.

        While a name is locked, no password is checked, not even the right one.
        """
        name = proof.sign_in_name
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


@dataclass(frozen=True, eq=False)
class PasswordChange:
    """Changes passwords, and records each change."""

    store: PeopleStore
    passwords: Passwords
    provider: PasswordProvider
    sign_in: SignInService
    clock: Clock

    def change(self, session: Session, device: Device, present: str, wanted: str) -> None:
        """Set the password of the session's person to `wanted`; all their other sessions end.

        A wrong `present` raises SignInRefusedError, and is counted and recorded as at a sign-in. Also raises the errors
        of `judge_password`, PASSWORD_NOT_CHANGED, and PASSWORD_NOT_KEPT_HERE.
        """
        person = session.person
        account = self.store.account(person.sign_in_name)
        if account is None or account.password.hash is None:
            raise CekalwatchError(Code.PASSWORD_NOT_KEPT_HERE)
        judge_password(wanted, person)
        try:
            self.provider.identify(PasswordProof(person.sign_in_name, present))
        except SignInRefusedError as refusal:
            self.sign_in.note(refusal, device)
            raise
        if self.passwords.check(account.password.hash, wanted).right:
            raise CekalwatchError(Code.PASSWORD_NOT_CHANGED)
        kept = KeptPassword(self.passwords.hash(wanted), must_change=False)
        key = ObjectKind.PERSON.key(person.person_id)
        entry = AuditEntry(self.clock.now(), device.used_by(person.person_id), Action.PASSWORD_CHANGED, (key,))
        self.store.set_password(person.person_id, kept, entry, but_session=session.key)
