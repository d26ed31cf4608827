"""Hashes and checks passwords, and judges which are too easy. Blocks, and takes 64 MiB for each that is hashed.

Argon2id, with the parameters that RFC 9106 recommends second, for where memory is not plentiful.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from zxcvbn import zxcvbn

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import Person

MIN_CHARACTERS = 12
MAX_CHARACTERS = 256
MIN_STRENGTH = 3
"""Of zxcvbn's 0 to 4: "safely unguessable", more than 10^8 guesses."""

_JUDGED_CHARACTERS = 72
"""What zxcvbn looks at; its time grows fast with the length, and it refuses more."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are easily mistaken for each other."""
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True)
class PasswordVerdict:
    """What a check of a password gave."""

    right: bool
    renewed_hash: str | None = None
    """The hash to keep from now on, when the present one was made with other parameters."""


class Passwords:
    """Hashes passwords and checks them; any number of threads may, but who calls bounds how many do."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        # A name that is unknown must take as long as one that is known.
        self._nobodys = self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """Return what is kept of a password: algorithm, parameters, salt and hash."""
        return self._hasher.hash(_normal(password))

    def check(self, kept: str | None, password: str) -> PasswordVerdict:
        """Say whether `password` is the one of which `kept` is kept; None, for nobody's, takes as long and is wrong."""
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
    judged = zxcvbn(normal[:_JUDGED_CHARACTERS], user_inputs=known)
    if person.sign_in_name in folded or judged["score"] < MIN_STRENGTH:
        raise CekalwatchError(Code.PASSWORD_TOO_EASY)


def first_password() -> str:
    """Return a password that is made up for a person, of 79 random bits; it is typed once."""
    letters = [secrets.choice(_LETTERS) for _ in range(_GROUPS * _GROUP)]
    return "-".join("".join(letters[start : start + _GROUP]) for start in range(0, len(letters), _GROUP))


def _normal(password: str) -> str:
    """Return the one form of what several keyboards write in several ways (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
