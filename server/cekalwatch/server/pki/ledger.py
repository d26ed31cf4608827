"""The authority's record: which certificates it signed, which are revoked, and which invitations are open.

An SQLite file beside the authority's key: several commands and the server's enrolment may write at the same time, and
an invitation must work only once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.pki.authority import Revoked, pem
from cekalwatch.wire.identity import Identity

_TABLES = """
CREATE TABLE IF NOT EXISTS certificate (
    serial TEXT PRIMARY KEY, uri TEXT NOT NULL, not_after INTEGER NOT NULL, pem BLOB NOT NULL, revoked_at INTEGER
);
CREATE INDEX IF NOT EXISTS certificate_uri ON certificate (uri);
CREATE TABLE IF NOT EXISTS invitation (
    digest BLOB PRIMARY KEY, uri TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER, hosts TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Issued:
    """A certificate that was signed."""

    identity: Identity
    certificate: x509.Certificate
    revoked_at: datetime | None

    def good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and now < self.certificate.not_valid_after_utc


@dataclass(frozen=True)
class Invitation:
    """A device that may enrol; only the digest of its code is stored."""

    identity: Identity
    expires_at: datetime
    hosts: tuple[str, ...] = ()
    """Names and addresses at which it will accept connections."""


class Ledger:
    """The record in one file. Each method is one transaction."""

    def __init__(self, file: Path) -> None:
        """Open the file, made with mode 0600 when it is missing; raises ProgramError."""
        self._file = file
        try:
            file.touch(0o600)
            with closing(sqlite3.connect(file, timeout=10)) as database:
                database.executescript(_TABLES)
        except (OSError, sqlite3.Error):
            raise ProgramError(f"The ledger {file} cannot be opened or written", Exit.CONFIG) from None

    def enter(self, identity: Identity, certificate: x509.Certificate) -> None:
        """Record a certificate."""
        with self._transaction() as database:
            _enter(database, identity, certificate)

    def issued(self, identity: Identity | None = None) -> list[Issued]:
        """Return the certificates of `identity`, or all, oldest first."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT uri, pem, revoked_at FROM certificate WHERE ?1 IS NULL OR uri = ?1 ORDER BY rowid",
                (identity.uri if identity else None,),
            ).fetchall()
        return [
            Issued(Identity.parse(uri), x509.load_pem_x509_certificate(data), _moment(revoked))
            for uri, data, revoked in rows
        ]

    def revoke(self, identity: Identity, now: datetime, publish: Callable[[list[Revoked]], None]) -> int:
        """Revoke every certificate of `identity` and close its invitations; return how many were in force.

        Expired ones are revoked as well: a session that began with one of them must end. `publish` gets all revocations
        so far; if it fails, nothing is revoked.
        """
        seconds = int(now.timestamp())
        of_device = "WHERE uri = ? AND revoked_at IS NULL"
        with self._transaction() as database:
            (in_force,) = database.execute(
                f"SELECT count(*) FROM certificate {of_device} AND not_after > ?",  # noqa: S608  # no input
                (identity.uri, seconds),
            ).fetchone()
            database.execute("DELETE FROM invitation WHERE uri = ? AND used_at IS NULL", (identity.uri,))
            database.execute(f"UPDATE certificate SET revoked_at = ? {of_device}", (seconds, identity.uri))  # noqa: S608
            publish(_revoked(database))
            return int(in_force)

    def publish_revoked(self, publish: Callable[[list[Revoked]], None]) -> None:
        """Pass all revocations to `publish`; only one caller at a time can do this."""
        with self._transaction() as database:
            database.execute("BEGIN IMMEDIATE")
            publish(_revoked(database))

    def invite(self, digest: bytes, invitation: Invitation) -> None:
        """Record an invitation; an earlier open one of the same device is no longer valid."""
        with self._transaction() as database:
            database.execute("DELETE FROM invitation WHERE uri = ? AND used_at IS NULL", (invitation.identity.uri,))
            database.execute(
                "INSERT INTO invitation VALUES (?, ?, ?, NULL, ?)",
                (
                    digest,
                    invitation.identity.uri,
                    int(invitation.expires_at.timestamp()),
                    json.dumps(invitation.hosts),
                ),
            )

    def cancel_invitation(self, identity: Identity, now: datetime) -> bool:
        """Remove the open invitation of a device; return whether it could still be used."""
        with self._transaction() as database:
            rows = database.execute(
                "DELETE FROM invitation WHERE uri = ? AND used_at IS NULL RETURNING expires_at", (identity.uri,)
            ).fetchall()
        return any(at > now.timestamp() for (at,) in rows)

    def use_invitation(
        self, digest: bytes, now: datetime, issue: Callable[[Invitation], x509.Certificate]
    ) -> tuple[Identity, x509.Certificate] | None:
        """Use up the invitation with that digest; record and return what `issue` signs; None if there is no valid one.

        If `issue` fails, the invitation stays open.
        """
        with self._transaction() as database:
            rows = database.execute(
                "UPDATE invitation SET used_at = ?1 WHERE digest = ?2 AND used_at IS NULL AND expires_at > ?1"
                " RETURNING uri, expires_at, hosts",
                (int(now.timestamp()), digest),
            ).fetchall()
            if not rows:
                return None
            invitation = _invitation(*rows[0])
            certificate = issue(invitation)
            _enter(database, invitation.identity, certificate)
        return invitation.identity, certificate

    def open_invitations(self, now: datetime) -> list[Invitation]:
        """Return the valid invitations."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT uri, expires_at, hosts FROM invitation WHERE used_at IS NULL AND expires_at > ? ORDER BY rowid",
                (int(now.timestamp()),),
            ).fetchall()
        return [_invitation(*row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=10, isolation_level="IMMEDIATE")) as database, database:
                yield database
        except sqlite3.Error as error:
            raise ProgramError(
                f"The ledger {self._file} cannot be used: {type(error).__name__}", Exit.UNAVAILABLE
            ) from None


def _enter(database: sqlite3.Connection, identity: Identity, certificate: x509.Certificate) -> None:
    until = int(certificate.not_valid_after_utc.timestamp())
    row = (f"{certificate.serial_number:x}", identity.uri, until, pem(certificate))
    database.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, NULL)", row)


def _invitation(uri: str, expires_at: int, hosts: str) -> Invitation:
    return Invitation(Identity.parse(uri), datetime.fromtimestamp(expires_at, UTC), tuple(json.loads(hosts)))


def _revoked(database: sqlite3.Connection) -> list[Revoked]:
    rows = database.execute("SELECT serial, revoked_at FROM certificate WHERE revoked_at IS NOT NULL").fetchall()
    return [Revoked(int(serial, 16), datetime.fromtimestamp(at, UTC)) for serial, at in rows]


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
