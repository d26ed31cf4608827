"""Sign-in at the server's own machine: two people sign for an act, or one changes a password.

Each person types name and password. Wrong passwords are counted, recorded and lock the name, as elsewhere. The two
people first read what they sign, in both languages, and the second signature is bound to these words.
"""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.contract.values.people import TWO_PERSON_ACTIONS, PersonRole, TwoPersonAction
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language, Texts
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.auth.sessions import Device, SecondSignature
from cekalwatch.server.auth.signing_in.providers import ProviderAuthentication
from cekalwatch.server.auth.signing_in.sign_in import PasswordProof
from cekalwatch.server.domain.people import JointAct, TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database

Ask = Callable[[str], str]
Words = Callable[[Texts], str]
"""Describes the action with all its values, in the language of the texts."""


class Terminal:
    """Asks people for their names and passwords."""

    def __init__(
        self, database: Database, clock: Clock, ask: Ask, ask_secret: Ask, tell: Callable[[str], None]
    ) -> None:
        providers = ProviderAuthentication(database, clock)
        self._sign_in, self._sessions = providers.sign_in, providers.sessions
        self._password_change = providers.password_change
        self._device = Device(operator())
        self._ask = ask
        self._ask_secret = ask_secret
        self._tell = tell

    def two_people(self, action: TwoPersonAction, words: Words) -> TwoPeople:
        """Return the two people who sign for `action` in these words; raises ProgramError when they may not."""
        one, other = TWO_PERSON_ACTIONS[action]
        shown = "\n".join(words(Texts("cekalwatch.server", language)) for language in Language)
        act = JointAct.of(action, shown.encode())
        try:
            self._tell(shown)
            _, first = self._sign_in.sign_in(self._proof(one), self._device)
            try:
                if first.password_change_needed:
                    raise CekalwatchError(Code.PASSWORD_CHANGE_NEEDED)
                self._tell(shown)
                beside = SecondSignature(act, first)
                token, _ = self._sign_in.sign_in(self._proof(other), self._device, beside)
                second = self._sessions.take_second(token, self._device, beside)
            finally:
                self._sessions.end(first, self._device)
            return TwoPeople(action, first.person, second)
        except CekalwatchError as error:
            raise ProgramError(error.public_message, Exit.REFUSED) from None

    def change_password(self, name: str) -> None:
        """Let the person of that name change the password, also a first one; raises ProgramError."""
        present = self._ask_secret("Present password")
        try:
            _, session = self._sign_in.sign_in(PasswordProof(name, present), self._device)
            wanted = self._ask_secret("New password (12 characters at least)")
            if self._ask_secret("New password once more") != wanted:
                raise ProgramError("The two new passwords differ; nothing was changed", Exit.USAGE)
            self._password_change.change(session, self._device, present, wanted)
            self._sessions.end(session, self._device)
        except CekalwatchError as error:
            raise ProgramError(error.public_message, Exit.REFUSED) from None

    def _proof(self, role: PersonRole) -> PasswordProof:
        who = role.lower().replace("_", " ")
        return PasswordProof(self._ask(f"Sign-in name of the {who}"), self._ask_secret(f"Password of the {who}"))
