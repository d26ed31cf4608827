"""Sign-in at the server's own machine: two people sign for an action, or one changes a password.

Each types name and password there. Wrong passwords are counted, recorded and lock the name, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.auth.providers import ProviderAuthentication
from cekalwatch.server.auth.sessions import Device, TokenPurpose
from cekalwatch.server.auth.sign_in import PasswordProof
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.people import TWO_PERSON_ACTIONS, Person, TwoPeople, TwoPersonAction
from cekalwatch.server.storage.database import Database

Ask = Callable[[str], str]


class Terminal:
    """Asks people who they are."""

    def __init__(self, database: Database, clock: Clock, ask: Ask, ask_secret: Ask) -> None:
        providers = ProviderAuthentication(database, clock)
        self._sign_in, self._sessions = providers.sign_in, providers.sessions
        self._password_change = providers.password_change
        self._device = Device(operator())
        self._ask = ask
        self._ask_secret = ask_secret

    def two_people(self, action: TwoPersonAction) -> TwoPeople:
        """Return the two who sign for `action`; raises ProgramError when they may not."""
        one, other = TWO_PERSON_ACTIONS[action]
        try:
            return TwoPeople(action, self._signer(_words(one)), self._signer(_words(other)))
        except CekalwatchError as error:
            raise ProgramError(error.public_message, Exit.REFUSED) from None

    def change_password(self, name: str) -> None:
        """Let the person of that name change the password, a first one too; raises ProgramError."""
        present = self._ask_secret("Present password")
        try:
            _, session = self._sign_in.sign_in(PasswordProof(name, present), self._device, TokenPurpose.SESSION)
            wanted = self._ask_secret("New password (12 characters at least)")
            if self._ask_secret("New password once more") != wanted:
                raise ProgramError("The two new passwords differ; nothing was changed", Exit.USAGE)
            self._password_change.change(session, self._device, present, wanted)
            self._sessions.end(session, self._device)
        except CekalwatchError as error:
            raise ProgramError(error.public_message, Exit.REFUSED) from None

    def _signer(self, role: str) -> Person:
        name = self._ask(f"Sign-in name of the {role}")
        proof = PasswordProof(name, self._ask_secret(f"Password of the {role}"))
        token, _ = self._sign_in.sign_in(proof, self._device, TokenPurpose.SECOND_PERSON)
        return self._sessions.take_second(token, self._device)


def _words(role: str) -> str:
    return role.lower().replace("_", " ")
