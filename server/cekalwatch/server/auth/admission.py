"""One call that was let in: whether it may still go on, by everything that let it in. It knows no transport."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.server.auth.certificate import CertificateAuthentication
from cekalwatch.server.auth.person import PersonAuthentication
from cekalwatch.server.auth.rights import Caller


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
