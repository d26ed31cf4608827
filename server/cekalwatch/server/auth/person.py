"""Decides whether the people of a call may make it: by the tokens that came with it, and the rights. Blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cekalwatch.server.auth.rights import RIGHTS, WITH_FIRST_PASSWORD, Caller
from cekalwatch.server.auth.sessions import Session, Sessions
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import Person, TwoPeople


@dataclass(frozen=True)
class Tokens:
    """What came with a call; empty texts: nothing did."""

    session: str = field(default="", repr=False)
    second_person: str = field(default="", repr=False)


class PersonAuthentication:
    """Finds the people of a call by its tokens."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def asks(self, method: str, caller: Caller, tokens: Tokens) -> bool:
        """Whether the call needs `admit`: most calls are a device's alone."""
        local = caller.device.site is None
        return bool(caller.needs) or _needs_two(method) or (local and bool(tokens.session))

    def admit(self, method: str, caller: Caller, tokens: Tokens) -> Caller:
        """Return the caller with its people; raises why they may not.

        On the server's own machine, with plaintext, a person is not needed; one who signed in counts all the same.
        """
        if not tokens.session:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        session = self._sessions.resume(tokens.session, caller.device)
        _check_rights(method, session, caller)
        return replace(caller, session=session, people=self._two(method, session.person, caller, tokens))

    def admit_again(self, method: str, caller: Caller, *, used: bool) -> None:
        """Raise why the person of a call that was let in may not make it any more; `used`: see `Sessions.again`."""
        session = self._sessions.again(caller.signed_in().key, caller.device, used=used)
        _check_rights(method, session, caller)

    def _two(self, method: str, first: Person, caller: Caller, tokens: Tokens) -> TwoPeople | None:
        action = RIGHTS[method].action
        if action is None:
            return None
        if not tokens.second_person:
            raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
        second = self._sessions.take_second(tokens.second_person, caller.device)
        _check_site(second, caller)
        return TwoPeople(action, first, second)


def _needs_two(method: str) -> bool:
    right = RIGHTS.get(method)
    return right is not None and right.action is not None


def _check_rights(method: str, session: Session, caller: Caller) -> None:
    _check_site(session.person, caller)
    if session.password_change_needed and method not in WITH_FIRST_PASSWORD:
        raise CekalwatchError(Code.PASSWORD_CHANGE_NEEDED)
    if caller.needs and not caller.needs & session.person.roles:
        raise CekalwatchError(Code.PERSON_ROLE_NEEDED, method)


def _check_site(person: Person, caller: Caller) -> None:
    site = caller.device.site
    if site is not None and not person.works_at(site):
        raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
