"""Records in the audit trail what an account of this machine did with the site's authority."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Self

from cryptography import x509

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.device_entries import (
    certificate_facts,
    device_entry,
    invitation_facts,
    revocation_facts,
)
from cekalwatch.server.audit.entry import Action, operator
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.wire.identity import Identity
from cekalwatch.wire.invitation import InvitationCode


class PkiJournal:
    """The trail in the database at `url`, as a context manager.

    Opening raises ProgramError if there is no usable database, so that the action is not taken. If a method raises it,
    the action has been taken, but is not recorded.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def __enter__(self) -> Self:
        try:
            self._database.check_exists()
            self._database.begin()
        except StorageError as error:
            self._database.close()
            raise ProgramError(f"Cannot use the database {self._database.name} ({error})", Exit.UNAVAILABLE) from None
        except ProgramError:
            self._database.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def issued(self, identity: Identity, certificate: x509.Certificate, now: datetime) -> None:
        """Record that a key and a certificate were made here."""
        self._record(now, Action.CERTIFICATE_ISSUED, identity, certificate_facts(certificate))

    def renewed(self, identity: Identity, certificate: x509.Certificate, now: datetime) -> None:
        """Record a new certificate for a device's present key."""
        self._record(now, Action.CERTIFICATE_RENEWED, identity, certificate_facts(certificate))

    def revoked(self, identity: Identity, count: int, now: datetime) -> None:
        """Record that a device's `count` certificates, and its open invitation, are no longer valid."""
        self._record(now, Action.CERTIFICATES_REVOKED, identity, revocation_facts(count))

    def invited(self, identity: Identity, code: InvitationCode, minutes: int, now: datetime) -> None:
        """Record for whom a code was made; the entry does not reveal the code."""
        self._record(now, Action.DEVICE_INVITED, identity, invitation_facts(code, minutes))

    def _record(self, now: datetime, action: Action, identity: Identity, details: dict[str, int | str]) -> None:
        try:
            AuditStore(self._database).append(device_entry(now, operator(), action, identity, details))
        except StorageError as error:
            raise ProgramError(
                f"{action} of {identity.uri} is done, and could not be recorded in {self._database.name} "
                f"({error}): tell your auditor",
                Exit.UNAVAILABLE,
            ) from None
