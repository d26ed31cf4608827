"""Settings that people give all servers of a database: a signed row each, with the value as JSON. Methods block."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from sqlalchemy import Column
from sqlmodel import Field, Session

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.row_codec import as_json, json_reader
from cekalwatch.server.storage.watchlist.changes import lock_watchlist

V = TypeVar("V")


class SettingRow(SignedRow, table=True):
    """A setting, once people have set it; without a row, its value has its defaults."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: dict[str, Any] = Field(sa_column=Column(Facts, nullable=False))


class SettingStore(Generic[V]):
    """One setting of one database. Its value is a dataclass whose fields all have defaults."""

    def __init__(self, database: Database, name: str, value: type[V]) -> None:
        self._database, self._name, self._value = database, name, value

    def get(self) -> V:
        """Return what is set. Raises ChangedRowError when the row was changed or removed."""
        with self._database.session() as session:
            return read_setting(session, self._name, self._value)

    def set(self, value: V, entry: AuditEntry) -> None:
        """Store it, with its entry in the audit trail."""
        with self._database.session() as session:
            lock_watchlist(session)
            write_setting(session, self._name, value)
            commit_audited(session, entry)


def read_setting(session: Session, name: str, value: type[V]) -> V:
    """Return what is set. Raises ChangedRowError when the row was changed or removed."""
    row = one_checked(session, SettingRow, name)
    kind: Any = value
    found: V = json_reader(kind)(row.value if row else {})
    return found


def write_setting(session: Session, name: str, value: object) -> None:
    """Store it; the transaction holds a lock already."""
    replace_row(session, SettingRow(name=name, value=as_json(value)))
