"""Decides whether the people of a call may make it: by the tokens that came with it, and the rights. Blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cekalwatch.server.auth.rights import RIGHTS, WITH_FIRST_PASSWORD, Caller
from cekalwatch.server.auth.sessions import SecondSignature, Session, Sessions
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import JointAct, Person, TwoPeople, TwoPersonAction


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
        looked_at = bool(caller.welcome) or caller.device.site is None
        return bool(caller.needs) or joint_action(method) is not None or (looked_at and bool(tokens.session))

    def admit(self, method: str, caller: Caller, tokens: Tokens) -> Caller:
        """Return the caller with the person of its session; raises why they may not.

        On the server's own machine, with plaintext, a person is not needed; one who signed in counts all the same. A
        method that two people call needs `admit_second` as well, once its request is there.
        """
        if not tokens.session:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        session = self._sessions.resume(tokens.session, caller.device)
        _check_rights(method, session, caller)
        if joint_action(method) is not None and not tokens.second_person:
            raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
        return replace(caller, session=session)

    def admit_second(self, act: JointAct, caller: Caller, token: str) -> Caller:
        """Return the caller with both people of `act`, for which alone `token` was given; raises why they may not."""
        first = caller.signed_in()
        second = self._sessions.take_second(token, caller.device, SecondSignature(act, first))
        _check_site(second, caller)
        return replace(caller, people=TwoPeople(act.action, first.person, second))

    def admit_again(self, method: str, caller: Caller, *, used: bool) -> None:
        """Raise why the person of a call that was let in may not make it any more; `used`: see `Sessions.again`."""
        session = self._sessions.again(caller.signed_in().key, caller.device, used=used)
        _check_rights(method, session, caller)


def joint_action(method: str) -> TwoPersonAction | None:
    """Return the action for which `method` needs two people; None: it needs none."""
    right = RIGHTS.get(method)
    return right.action if right else None


def _check_rights(method: str, session: Session, caller: Caller) -> None:
    _check_site(session.person, caller)
    if session.password_change_needed and method not in WITH_FIRST_PASSWORD:
        raise CekalwatchError(Code.PASSWORD_CHANGE_NEEDED)
    roles = caller.needs or caller.welcome
    if roles and not roles & session.person.roles:
        raise CekalwatchError(Code.PERSON_ROLE_NEEDED, method)


def _check_site(person: Person, caller: Caller) -> None:
    site = caller.device.site
    if site is not None and not person.works_at(site):
        raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
