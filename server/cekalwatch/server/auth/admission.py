"""Whether a call may come in, and go on: by its program's version, its way here, and everything that let it in.

It knows no transport.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version

from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.auth.person import PersonAuthentication
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.versions import is_behind, minor_version
from cekalwatch.wire.options import PROGRAM


@dataclass(frozen=True)
class Admission:
    """A call of `method` by `caller`, whose connection has shown `certificate_pem`."""

    certificates: CertificateAuthentication
    people: PersonAuthentication
    method: str
    certificate_pem: bytes
    caller: Caller

    def check_device(self) -> None:
        """Raise why the device may not make the call any more: its certificate, its rights, its site. Costs little."""
        self.certificates.admit(self.method, self.certificate_pem)

    def check_person(self, *, used: bool = False) -> None:
        """Raise why the person may not any more: the session, the account, roles and sites. Blocks.

        `used`: something came from the person since the last check, so that they are not idle. A person who cannot be
        read may nothing. Raises StorageError while the database cannot be asked.
        """
        if self.caller.session is not None:
            self.people.admit_again(self.method, self.caller, used=used)

    def check(self) -> None:
        """Raise why the call may not go on: whoever writes for it asks this directly before. Blocks."""
        self.check_device()
        self.check_person()


def refuse_outdated(user_agent: str, own: str = version("cekalwatch")) -> None:
    """Raise CLIENT_TOO_OLD for what `user_agent` says of a program that calls a server of the version `own`.

    A client may be of the minor version before the server's, so that servers are upgraded first (docs/upgrading.md).
    One that is newer, or says no version, is not refused here.
    """
    name, _, said = user_agent.partition("/")
    client = minor_version(said)
    if name == PROGRAM and client and is_behind(said, own):
        raise CekalwatchError(Code.CLIENT_TOO_OLD, f"{client[0]}.{client[1]}")


_PROXY = re.compile(
    r"(x-)?forwarded(-.*)?|via|(x-)?proxy-.*|x-original-.*|(x-)?(real|client|cluster-client|true-client)-ip"
    r"|x-(envoy|amzn|azure|appengine|traefik)-.*|(cf|fastly)-.*"
)
"""Names of the headers with which proxies, gateways and meshes say for whom they speak."""


def refuse_proxied(names: Iterable[str]) -> None:
    """Raise PROXY_NOT_ALLOWED where one of a call's metadata names is a proxy's; one that adds no name is not seen.

    Plaintext is trusted because it cannot leave this machine; a proxy lets it.
    """
    for name in names:
        if _PROXY.fullmatch(name.lower()):
            raise CekalwatchError(Code.PROXY_NOT_ALLOWED, name.lower()[:64])
