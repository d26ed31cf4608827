"""The lease of the leader, which does the common work of all servers. Methods block, and each is one transaction.

All times come from the database's clock, so that no server's clock decides. SQLite belongs to one server, which always
has the lease, and nothing is written for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import Session

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError

LASTS_S = 6.0
"""Validity of a lease that is not renewed."""

_TAKE = text(
    """
    UPDATE chore_lease
    SET term = CASE WHEN holder = :holder THEN term ELSE term + 1 END,
        holder = :holder,
        until = clock_timestamp() + make_interval(secs => :lasts)
    WHERE holder = :holder OR until IS NULL OR until <= clock_timestamp()
        OR until > clock_timestamp() + make_interval(secs => 2 * :lasts)
    RETURNING term
    """
)
"""The last condition: no server writes such a value, and a forged one must not block all servers."""

_HOLDER = text("SELECT holder FROM chore_lease WHERE until > clock_timestamp()")

_GIVE_BACK = text("UPDATE chore_lease SET until = NULL WHERE holder = :holder AND term = :term")

_HOLDS = text(
    "SELECT 1 FROM chore_lease WHERE holder = :holder AND term = :term AND until > clock_timestamp() FOR SHARE"
)
"""The lock keeps others from taking the lease before the transaction has ended."""


@dataclass(frozen=True)
class Lease:
    """A lease that was taken: the fence behind which chores write."""

    holder: str
    term: int
    shared: bool = True
    """Whether other servers may use the database."""

    def check(self, session: Session) -> None:
        """Raise LeaseLostError when it ran out or another server has it."""
        if self.shared and session.execute(_HOLDS, {"holder": self.holder, "term": self.term}).first() is None:
            raise LeaseLostError("another server does the chores")


class LeaseStore:
    """The lease in the database, for the server whose run has the key `holder`."""

    def __init__(self, database: Database, holder: str, lasts_s: float = LASTS_S) -> None:
        self._database = database
        self._holder = holder
        self._lasts_s = lasts_s

    @property
    def lasts_s(self) -> float:
        """For how long a lease holds after `take` was called, in seconds."""
        return self._lasts_s

    def take(self) -> Lease | None:
        """Take the lease, or renew it; None while another server has it. Raises StorageError."""
        if not self._database.is_shared:
            return Lease(self._holder, 0, shared=False)
        with self._database.session() as session:
            taken = session.execute(_TAKE, {"holder": self._holder, "lasts": self._lasts_s}).first()
            session.commit()
        return Lease(self._holder, taken[0]) if taken else None

    def holder(self) -> str:
        """Return the key of the server that has it; empty while none has. Raises StorageError."""
        if not self._database.is_shared:
            return self._holder
        with self._database.session() as session:
            return session.execute(_HOLDER).scalar() or ""

    def give_back(self, lease: Lease) -> None:
        """Release the lease when this server stops, so that another can take it at once. Raises StorageError."""
        if lease.shared:
            with self._database.session() as session:
                session.execute(_GIVE_BACK, {"holder": lease.holder, "term": lease.term})
                session.commit()
