"""Stores the audit trail: appends to its chain, reads it, and stores its checkpoints.

`write_audit` appends within a transaction of another store, so that an action and its entry are committed together.
Methods block: call them from a worker thread.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from cekalwatch.contract.values.status import RestoredBackup
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, Link, link
from cekalwatch.server.audit.search_terms import Footprint, IndexRow, index_rows, term_number
from cekalwatch.server.storage.audit.tables import AuditCheckpointRow, AuditEntryRow, AuditHeadRow, AuditIndexRow
from cekalwatch.server.storage.database import Database

CHANGED = "changed"
"""The detail that names what changed."""
PAGE = 2000

LINK_COLUMNS = tuple(getattr(AuditEntryRow, name) for name in Link._fields)

# Made once: they are executed with each entry, and to make them takes longer.
_LOCK = (
    update(AuditHeadRow)
    .values(sequence=AuditHeadRow.sequence)
    .returning(col(AuditHeadRow.sequence), col(AuditHeadRow.hash))
)
_ADD_ENTRIES, _ADD_INDEX = insert(AuditEntryRow), insert(AuditIndexRow)
_MOVE_HEAD = update(AuditHeadRow).values(sequence=bindparam("reached"), hash=bindparam("end"))


def write_audit(session: Session, *entries: AuditEntry) -> None:
    """Append `entries` to the chain in the session's transaction, as its last step before the commit.

    It locks the chain until then. The holder of this lock must not wait for another lock, to avoid a deadlock.
    """
    # What locks the chain reads it too, so that another writer's entry cannot come between.
    sequence, last_hash = session.execute(_LOCK).one()
    rows: list[dict[str, Any]] = []
    index: list[dict[str, Any]] = []
    for entry in entries:
        one = link(entry, sequence + 1, last_hash)
        sequence, last_hash = one.sequence, one.hash
        rows.append(one._asdict())
        index += (row._asdict() for row in index_rows(one))
    connection = session.connection()
    connection.execute(_ADD_ENTRIES, rows)
    connection.execute(_ADD_INDEX, index)
    connection.execute(_MOVE_HEAD, {"reached": sequence, "end": last_hash})


def commit_audited(session: Session, *entries: AuditEntry) -> None:
    """Write the changes of a session, append `entries`, and commit."""
    session.flush()
    write_audit(session, *entries)
    session.commit()


class AuditStore:
    """The audit trail in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, *entries: AuditEntry) -> None:
        """Append entries that record nothing of the database's, in a transaction of their own."""
        with self._database.session() as session:
            commit_audited(session, *entries)

    def head(self) -> tuple[int, str]:
        """Return sequence and hash of the last entry; 0 and zeros when there is none."""
        with self._database.session() as session:
            sequence, last_hash = session.exec(select(AuditHeadRow.sequence, AuditHeadRow.hash)).one()
            return sequence, last_hash

    def links(self, since: str = "", until: str = "") -> Iterator[Link]:
        """Yield the entries in order, those at or after `since` and before `until` (in the form of `stamp`) if given.

        They are read page by page, in one snapshot of the database.
        """
        query = select(*LINK_COLUMNS).order_by(col(AuditEntryRow.sequence))
        if since:
            query = query.where(col(AuditEntryRow.at) >= since)
        if until:
            query = query.where(col(AuditEntryRow.at) < until)
        with self._database.connection(yield_per=PAGE) as connection:
            for page in connection.execute(query).partitions():
                yield from map(Link._make, page)

    def links_after(self, sequence: int, until: int) -> Iterator[Link]:
        """Yield the entries with sequences above `sequence`, up to `until`, in order."""
        place = col(AuditEntryRow.sequence)
        query = select(*LINK_COLUMNS).where(place > sequence, place <= until).order_by(place)
        with self._database.connection(yield_per=PAGE) as connection:
            for page in connection.execute(query).partitions():
                yield from map(Link._make, page)

    def hash_of(self, sequence: int) -> str | None:
        """Return the hash of the entry with that sequence; None when there is none."""
        with self._database.session() as session:
            return session.exec(select(AuditEntryRow.hash).where(col(AuditEntryRow.sequence) == sequence)).first()

    def about(self, objects: Collection[str], actions: Collection[Action], most: int) -> list[Link]:
        """Return the newest `most` entries with one of the actions on any of the objects, oldest first."""
        named = select(AuditIndexRow.sequence).where(col(AuditIndexRow.term).in_(map(term_number, objects)))
        query = (
            select(*LINK_COLUMNS)
            .where(col(AuditEntryRow.action).in_(list(map(str, actions))), col(AuditEntryRow.sequence).in_(named))
            .order_by(col(AuditEntryRow.sequence).desc())
            .limit(most)
        )
        with self._database.session() as session:
            return [Link._make(row) for row in reversed(session.exec(query).all())]

    def index_footprint(self, through: int) -> Footprint:
        """Return that of the index's rows of the entries up to sequence `through`."""
        found = Footprint()
        row = (col(AuditIndexRow.term), col(AuditIndexRow.moment), col(AuditIndexRow.sequence))
        query = select(*row).where(row[-1] <= through)
        with self._database.connection(yield_per=PAGE) as connection:
            for page in connection.execute(query).partitions():
                found.add(map(IndexRow._make, page))
        return found

    def restored_backup(self) -> RestoredBackup | None:
        """Return the backup that the site was restored from last; None when it never was, or its entry is damaged."""
        query = (
            select(AuditEntryRow.at, AuditEntryRow.details)
            .where(col(AuditEntryRow.action) == Action.BACKUP_RESTORED)
            .order_by(col(AuditEntryRow.sequence).desc())
        )
        with self._database.session() as session:
            found = session.exec(query.limit(1)).first()
        try:
            if found:
                made_at = datetime.fromisoformat(json.loads(found[1])["made_at"])
                return RestoredBackup(made_at, datetime.fromisoformat(found[0]))
        except (ValueError, TypeError, KeyError):
            pass
        return None

    def append_changed(self, actor: Actor, action: Action, facts: Mapping[str, int | str], now: datetime) -> None:
        """Append `facts`, with the names of those that changed, unless the actor's last entry says the same."""
        before = self._last_details(actor, action)
        changed = [name for name, value in facts.items() if before.get(name) != value]
        if changed:
            self.append(AuditEntry(now, actor, action, details={**facts, CHANGED: " ".join(changed)}))

    def add_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Keep a checkpoint; false when this signer, in another program, has one at its sequence already."""
        with self._database.session() as session:
            session.add(AuditCheckpointRow(**checkpoint.__dict__))
            try:
                session.commit()
            except IntegrityError:
                return False
            return True

    def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, by rising sequence."""
        with self._database.session() as session:
            rows = session.exec(select(AuditCheckpointRow).order_by(col(AuditCheckpointRow.sequence)))
            return [_checkpoint(row) for row in rows]

    def checkpoints_after(self, sequence: int, limit: int) -> list[Checkpoint]:
        """Return at most `limit` checkpoints at or after `sequence`, by rising sequence; all signers' at the last one.

        They include those at `sequence`, because a second signer may sign there later than the first.
        """
        place = col(AuditCheckpointRow.sequence)
        query = select(AuditCheckpointRow).where(place >= sequence).order_by(place).limit(limit)
        with self._database.session() as session:
            return [_checkpoint(row) for row in session.exec(query)]

    def newest_checkpoint_sequence(self) -> int:
        """Return the highest signed sequence; 0 if none is signed."""
        with self._database.session() as session:
            return session.exec(select(func.max(AuditCheckpointRow.sequence))).one() or 0

    def newest_checkpoint(self, public_key: str) -> Checkpoint | None:
        """Return the signer's checkpoint with the highest number."""
        query = (
            select(AuditCheckpointRow)
            .where(col(AuditCheckpointRow.public_key) == public_key)
            .order_by(col(AuditCheckpointRow.number).desc())
        )
        with self._database.session() as session:
            row = session.exec(query.limit(1)).first()
            return _checkpoint(row) if row else None

    def count_checkpoints(self, public_key: str, through: int) -> int:
        """Return how many checkpoints of the signer there are with numbers up to `through`."""
        own = (col(AuditCheckpointRow.public_key) == public_key, col(AuditCheckpointRow.number) <= through)
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(AuditCheckpointRow).where(*own)).one()

    def _last_details(self, actor: Actor, action: Action) -> dict[str, int | str]:
        """Return the details of the actor's last entry of that action; empty when there is none, or it is damaged."""
        query = (
            select(AuditEntryRow.details)
            .where(col(AuditEntryRow.action) == action, col(AuditEntryRow.actor) == str(actor))
            .order_by(col(AuditEntryRow.sequence).desc())
        )
        with self._database.session() as session:
            found = session.exec(query.limit(1)).first()
        try:
            details = json.loads(found or "{}")
        except ValueError:
            return {}
        return details if isinstance(details, dict) else {}


def _checkpoint(row: AuditCheckpointRow) -> Checkpoint:
    return Checkpoint(row.number, row.sequence, row.hash, row.at, row.public_key, row.signature)
