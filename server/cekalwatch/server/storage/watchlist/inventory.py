"""What the watchlist must hold: counts and a digest of each subject's rows, and the signed sum of these.

The rows are the subject's own, its orders, its reference faces, and the digests of its numbers, which have no MACs.

MACs show that a row is as it was written; this shows that none is missing, and that none came back. Each transaction
that writes rows of subjects, or removes some and counts the change (`changes.py`), brings both up to date before it
commits, but not of a subject that has fewer rows than before and of which it removed none: that one stays missed.

Digests are keyed, and the sum is of keyed digests of them and their subjects' keys that are nowhere stored: without the
keys nobody can remove or move rows so that the sum stays. They depend on the versions of rows, which stay when values
are sealed again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import Row, Select, bindparam
from sqlmodel import Field, Session, SQLModel

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED, PUT_BACK, REMOVED, RowGuard
from cekalwatch.server.storage.integrity.guarded_session import (
    GuardedSession,
    guard_of,
    one_checked,
    replace_row,
)
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, RowKey, SignedRow, form_of
from cekalwatch.server.storage.watchlist.changes import (
    CONCERNED,
    EMPTIED,
    RENUMBERED,
    current_version,
    lock_watchlist,
    note_emptied,
)
from cekalwatch.server.storage.watchlist.tables import (
    BanOrderRow,
    ReferenceFaceRow,
    SubjectIdentityRow,
    SubjectRow,
)

INVENTORY = 1
"""Key of the row of the sum."""
ALL = "*"
"""Stands for a subject that nobody can name: the row with its digest was removed or changed too."""
_SUM_AGAIN = "sum again"
_MOVED = "moved"
"""Where a session counts the orders that it gives to other subjects, by their former subjects."""
_MODULUS = 1 << 256
_CHANGES = SQLModel.metadata.tables["watchlist_change"]
_WRITE = (
    sqlalchemy.update(_CHANGES)
    .where(_CHANGES.c.subject_id == bindparam("key"))
    .values(held=bindparam("digest"), version=bindparam("now"))
)
_ADD = sqlalchemy.insert(_CHANGES).values(
    subject_id=bindparam("key"), held=bindparam("digest"), version=bindparam("now")
)
_HELD = sqlalchemy.select(_CHANGES.c.subject_id, _CHANGES.c.held)
_NUMBERS = SQLModel.metadata.tables[str(SubjectIdentityRow.__tablename__)]
_PRESENT: dict[str, Select[Any]] = {
    table.name: sqlalchemy.select(table.c.subject_id, *table.primary_key, table.c.row_version)
    for table in (form_of(model).table for model in (SubjectRow, BanOrderRow, ReferenceFaceRow))
} | {_NUMBERS.name: sqlalchemy.select(_NUMBERS.c.subject_id, _NUMBERS.c.digest)}
_COUNTED = (str(BanOrderRow.__tablename__), str(ReferenceFaceRow.__tablename__), _NUMBERS.name)
_OF_SUBJECTS = {
    query: query.where(query.selected_columns.subject_id.in_(bindparam("keys", expanding=True)))
    for query in (_HELD, *_PRESENT.values())
}
"""The same queries for some subjects. All are made once: they run with each change of the list."""


class ListInventoryRow(SignedRow, table=True):
    """One row, made by the first change of the watchlist."""

    __tablename__ = "list_inventory"

    id: int = Field(primary_key=True)
    total: str
    """Sum of the digests of all subjects' digests, hexadecimal."""


def is_missed(key: RowKey) -> bool:
    """Whether the row is no row: it names a subject of which rows are missing or came back."""
    return key[0] == _CHANGES.name


def missed(database: Database, guard: RowGuard) -> list[tuple[RowKey, str]]:
    """Return the subjects of which rows are missing or came back, each with the reason; the guard refuses them too.

    REMOVED also says that a subject has no row of the log any more, CHANGED that the row is another subject's.
    """
    found: dict[RowKey, str] = {}
    with database.one_state() as session:
        try:
            row = one_checked(session, ListInventoryRow, INVENTORY)
            is_begun, total = row is not None, row.total if row else ""
        except ChangedRowError:
            is_begun, total = True, ""
        if is_begun:
            held, present = _held(session), _digests(session)
            without = {digest for key, digest in present.items() if key not in held}
            for key in sorted(held.keys() | present.keys()):
                if key in present and held.get(key) == present[key]:
                    continue
                nothing = _digest(guard, key, ())
                if held.get(key) == nothing and key in present:
                    found[_CHANGES.name, key] = PUT_BACK
                elif held.get(key) != present.get(key, nothing):
                    found[_CHANGES.name, key] = CHANGED if held.get(key) in without else REMOVED
            if total != _total(guard, held):
                found[_CHANGES.name, ALL] = REMOVED
    guard.refuse_of(_CHANGES.name, found)
    return list(found.items())


def accept(session: Session, keys: Collection[RowKey]) -> None:
    """Take it, when the transaction commits, that the watchlist is right as it is about these subjects."""
    named = {key for table, key in keys if table == _CHANGES.name}
    session.info.setdefault(CONCERNED, set()).update(named - {ALL})
    note_emptied(session, named)
    session.info[_SUM_AGAIN] = ALL in named or any(table == ListInventoryRow.__tablename__ for table, _ in keys)


def begin(session: Session) -> None:
    """Make the digests and the sum of a list that has none, when the transaction commits."""
    session.info[CONCERNED] = {*_digests(session), *_held(session)}
    session.info[_SUM_AGAIN] = True


@sqlalchemy.event.listens_for(GuardedSession, "before_flush")
def _note(session: GuardedSession, *_: object) -> None:
    """Note whose rows are written, and which orders go from one subject to another."""
    for row in (*session.new, *session.dirty):
        if isinstance(row, SubjectRow | BanOrderRow | ReferenceFaceRow):
            session.info.setdefault(CONCERNED, set()).add(row.subject_id)
            former = sqlalchemy.inspect(row).committed_state.get("subject_id", row.subject_id)
            if isinstance(former, str) and former != row.subject_id:
                session.info.setdefault(_MOVED, Counter())[former] += 1


@sqlalchemy.event.listens_for(GuardedSession, "before_commit")
def _settle(session: GuardedSession) -> None:
    """Bring the digests of the subjects that the transaction concerns, and the sum, up to date."""
    concerned: set[str] = session.info.pop(CONCERNED, set())
    again: bool = session.info.pop(_SUM_AGAIN, False)
    emptied, moved = session.info.pop(EMPTIED, set()), session.info.pop(_MOVED, Counter())
    renumbered = session.info.pop(RENUMBERED, set())
    if not concerned and not again:
        return
    lock_watchlist(session)
    guard, before, present = guard_of(session), _held(session, concerned), _digests(session, concerned)
    after = {key: present.get(key) or _digest(guard, key, ()) for key in concerned}
    for key in before.keys() - emptied:
        if _is_fewer(after[key], before[key], moved[key], key in renumbered):
            after[key] = before[key]
    version, connection = current_version(session), session.connection()
    rows = [{"key": key, "digest": after[key], "now": version} for key in sorted(concerned)]
    for statement, some in (
        (_WRITE, [row for row in rows if row["key"] in before]),
        (_ADD, [row for row in rows if row["key"] not in before]),
    ):
        if some:
            connection.execute(statement, some)
    if again:
        total = _total(guard, _held(session))
        replace_row(session, ListInventoryRow(id=INVENTORY, total=total))
    else:
        _count_in(session, before, after)
    session.flush()


def _count_in(session: Session, gone: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Change the sum. One that somebody else changed or removed stays refused until two people accept the list."""
    guard = guard_of(session)
    try:
        row = one_checked(session, ListInventoryRow, INVENTORY)
    except ChangedRowError:
        return
    if row is None:
        row = ListInventoryRow(id=INVENTORY, total=_total(guard, {}))
        session.add(row)
    row.total = _text(int(row.total, 16) + _sum(guard, new) - _sum(guard, gone))


def _held(session: Session, subject_ids: Collection[str] | None = None) -> dict[str, str]:
    """Return the stored digests of these subjects, or of all."""
    return {row.subject_id: row.held for row in _rows(session, _HELD, subject_ids)}


def _digests(session: Session, subject_ids: Collection[str] | None = None) -> dict[str, str]:
    """Return the digests of the present rows of these subjects, or of all; those without rows have none."""
    rows: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for table, query in _PRESENT.items():
        for row in _rows(session, query, subject_ids):
            rows[row.subject_id].append((table, *row[1:]))
    guard = guard_of(session)
    return {key: _digest(guard, key, found) for key, found in rows.items()}


def _rows(session: Session, query: Select[Any], subject_ids: Collection[str] | None) -> Iterable[Row[Any]]:
    """Run a query on one table, for these subjects or for all."""
    if subject_ids is None:
        return session.connection().execute(query)
    return session.connection().execute(_OF_SUBJECTS[query], {"keys": list(subject_ids)})


def _digest(guard: RowGuard, subject_id: str, rows: Collection[tuple[object, ...]]) -> str:
    """Return how many orders, faces and numbers there are, and the digest of all rows."""
    counts = "/".join(str(sum(one[0] == table for one in rows)) for table in _COUNTED)
    digest = guard.keyring.row_mac(b"rows of a subject " + ascii((subject_id, sorted(rows, key=repr))).encode())
    return f"{counts}/{digest.hex()}"


def _is_fewer(after: str, before: str, moved: int, renumbered: bool) -> bool:
    """Whether a subject has fewer orders, but for the moved ones, fewer faces, or fewer numbers that nobody removed."""
    try:
        orders, faces, numbers = (
            int(now) - int(then) for now, then in zip(after.split("/")[:3], before.split("/")[:3], strict=True)
        )
    except ValueError:  # of a row that somebody else changed
        return False
    return orders < -moved or faces < 0 or (numbers < 0 and not renumbered)


def _sum(guard: RowGuard, digests: Mapping[str, str]) -> int:
    mac = guard.keyring.row_mac
    return sum(int.from_bytes(mac(b"digest of a subject " + ascii(one).encode())) for one in digests.items())


def _total(guard: RowGuard, digests: Mapping[str, str]) -> str:
    return _text(_sum(guard, digests))


def _text(total: int) -> str:
    return f"{total % _MODULUS:064x}"
