"""Admits calls, and keeps them admitted: by version of the program, path, device, people and rights.

It knows no transport.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.program.version import version
from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.auth.rights import ON_WALLS, RIGHTS, WITH_FIRST_PASSWORD, Caller
from cekalwatch.server.auth.sessions import SecondSignature, Session, Sessions
from cekalwatch.server.domain.people import JointAct, Person, TwoPeople, role_needed
from cekalwatch.server.domain.versions import is_behind, minor_version
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.options import PROGRAM


@dataclass(frozen=True)
class Tokens:
    """The metadata of a call; empty texts when missing."""

    session: str = field(default="", repr=False)
    second_person: str = field(default="", repr=False)


class PersonAuthentication:
    """Finds the people of a call by its tokens."""

    def __init__(self, sessions: Sessions, is_for: Callable[[str, str], bool] = lambda _, __: True) -> None:
        """`is_for` says of the digest of a second person's word that it is not the word for another method."""
        self._sessions = sessions
        self._is_for = is_for

    def asks(self, method: str, caller: Caller, tokens: Tokens) -> bool:
        """Whether the call needs `admit`: most calls need only a device."""
        looked_at = bool(caller.welcome) or caller.device.site is None
        return bool(caller.needs) or always_two(method) or (looked_at and bool(tokens.session))

    def admit(self, method: str, caller: Caller, tokens: Tokens) -> Caller:
        """Return the caller with the person of its session; raises the reason of a refusal.

        On the server's own machine, with plaintext, no person is needed; a signed-in person counts nevertheless. A
        method that needs two people also needs `admit_second`, once its request has arrived.
        """
        if not tokens.session:
            raise CekalwatchError(Code.SIGN_IN_NEEDED)
        session = self._sessions.resume(tokens.session, caller.device)
        _check_rights(method, session, caller)
        if always_two(method) and not tokens.second_person:
            raise CekalwatchError(Code.SECOND_PERSON_NEEDED)
        return replace(caller, session=session)

    def admit_second(self, method: str, act: JointAct, caller: Caller, token: str) -> Caller:
        """Return the caller with both people of `act`, for which `token` was given; raises the reason of a refusal."""
        first = caller.signed_in()
        beside = SecondSignature(act, first)
        second = self._sessions.take_second(token, caller.device, beside, lambda key: self._is_for(key, method))
        _check_site(second, caller)
        return replace(caller, people=TwoPeople(act.action, first.person, second))

    def admit_again(self, method: str, caller: Caller, *, used: bool) -> None:
        """Raise why the person of an admitted call may no longer make it; `used`: see `Sessions.again`."""
        session = self._sessions.again(caller.signed_in().key, caller.device, used=used)
        _check_rights(method, session, caller)


def joint_action(method: str) -> TwoPersonAction | None:
    """Return the action for which `method` needs two people, always or at times; None: it never does."""
    right = RIGHTS.get(method)
    return right.action if right else None


def always_two(method: str) -> bool:
    """Whether each request of `method` needs two people."""
    right = RIGHTS.get(method)
    return right is not None and right.action is not None and not right.at_times


def _check_rights(method: str, session: Session, caller: Caller) -> None:
    _check_site(session.person, caller)
    if session.on_wall and method not in ON_WALLS:
        raise CekalwatchError(Code.METHOD_NOT_ALLOWED, f"wall {method}")
    if session.password_change_needed and method not in WITH_FIRST_PASSWORD:
        raise CekalwatchError(Code.PASSWORD_CHANGE_NEEDED)
    roles = caller.needs or caller.welcome
    if roles and not roles & session.person.roles:
        raise role_needed(roles, method)


def _check_site(person: Person, caller: Caller) -> None:
    site = caller.device.site
    if site is not None and not person.works_at(site):
        raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)


@dataclass(frozen=True)
class Admission:
    """A call of `method` by `caller`, whose connection presented `certificate_pem`."""

    certificates: CertificateAuthentication
    people: PersonAuthentication
    method: str
    certificate_pem: bytes
    caller: Caller

    def check_device(self) -> None:
        """Raise why the device may no longer make the call: its certificate, its rights, its site. It is cheap."""
        self.certificates.admit(self.method, self.certificate_pem)

    def check_person(self, *, used: bool = False) -> None:
        """Raise why the person may no longer make the call: the session, the account, roles and sites. Blocks.

        `used`: the person was active since the last check. A person whose record is unreadable has no rights. Raises
        StorageError while the database cannot be asked.
        """
        if self.caller.session is not None:
            self.people.admit_again(self.method, self.caller, used=used)

    def check(self) -> None:
        """Raise why the call may not continue; it is checked directly before each write for the call. Blocks."""
        self.check_device()
        self.check_person()


def refuse_outdated(user_agent: str, own: str = version()) -> None:
    """Raise CLIENT_TOO_OLD if the version in `user_agent` is too old for a server of the version `own`.

    A client may have the minor version before the server's, so that servers are upgraded first (docs/upgrading.md).
    A newer client, or one without a version, is not refused here.
    """
    name, _, said = user_agent.partition("/")
    client = minor_version(said)
    if name == PROGRAM and client and is_behind(said, own):
        raise CekalwatchError(Code.CLIENT_TOO_OLD, f"{client[0]}.{client[1]}")


_PROXY = re.compile(
    r"(x-)?forwarded(-.*)?|via|(x-)?proxy-.*|x-original-.*|(x-)?(real|client|cluster-client|true-client)-ip"
    r"|x-(envoy|amzn|azure|appengine|traefik)-.*|(cf|fastly)-.*"
)
"""Names of the headers in which proxies, gateways and meshes name their client."""


def refuse_proxied(names: Iterable[str]) -> None:
    """Raise PROXY_NOT_ALLOWED if a call has a proxy's header; a proxy that adds no header is not detected.

    Plaintext is trusted because it cannot leave this machine; through a proxy it can.
    """
    for name in names:
        if _PROXY.fullmatch(name.lower()):
            raise CekalwatchError(Code.PROXY_NOT_ALLOWED, name.lower()[:64])
