"""Signs rows, and checks them when they are used. A row that somebody else changed is refused and named.

It knows columns, not their meaning.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Set
from datetime import timedelta
from types import MappingProxyType
from typing import cast

import sqlalchemy
import structlog
from sqlalchemy import Table
from sqlalchemy.engine import Engine

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.integrity.signed_row import (
    ChangedRowError,
    RowForm,
    RowKey,
    SignedRow,
    Values,
    form_of,
    signed_models,
)
from cekalwatch.server.storage.integrity.versions import REMEMBERED, WHOLLY, SeenVersions, next_version

CHANGED = "CHANGED"
"""Its MAC is wrong: somebody without the keys has added or changed it."""
PUT_BACK = "PUT_BACK"
"""A newer version of it was seen."""

REMOVED = "REMOVED"
"""It was seen before and is missing, in a table whose rows are never removed."""

NEVER_REMOVED: Mapping[str, timedelta] = MappingProxyType({})

log = structlog.get_logger()


class RowGuard:
    """Guards the rows of one database. Any number of threads may use it."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        versions: SeenVersions,
        removed_after: Mapping[str, timedelta] = NEVER_REMOVED,
    ) -> None:
        """`removed_after`: how long after its last change retention removes a row at the earliest, by table."""
        self._engine = engine
        self.keyring = keyring
        self.versions = versions
        self._removed_after = removed_after
        self.refused: dict[RowKey, str] = {}
        """Refused rows with the reason, until they are correct again."""

    def sign(self, row: SignedRow, before: int) -> None:
        """Give a row that is about to be written its next version and its MAC; `before` is its version, 0: none."""
        form = form_of(type(row))
        row.row_version = next_version(before)
        row.mac = self.keyring.row_mac(form.signed(form.as_held(form.values(row))))

    def signed(self, model: type[SignedRow], values: Mapping[str, object], before: int = 0) -> dict[str, object]:
        """Return all columns of a plain row that is about to be written; `before` is its version, 0: none."""
        form = form_of(model)
        whole = {**values, "row_version": next_version(before)}
        return {**whole, "mac": self.keyring.row_mac(form.signed(form.as_held(form.held_values(whole))))}

    def signed_again(self, table: Table, row: object, fresh: dict[str, object]) -> dict[str, object]:
        """Return the MAC of a plain row with `fresh` values of the same meaning; its version stays.

        Returns nothing for a table without MACs. Raises ChangedRowError when the row was changed.
        """
        model = next((one for one in signed_models() if form_of(one).table is table), None)
        if model is None:
            return {}
        form = form_of(model)
        values = form.plain_values(row)
        self._require_signed(form, row, values, cast("SignedRow", row).mac)
        held = dict(zip(form.columns, values, strict=True)) | fresh
        return {"mac": self.keyring.row_mac(form.signed(tuple(held[name] for name in form.columns)))}

    def check(self, row: SignedRow) -> None:
        """Raise ChangedRowError if a row that a session has read was changed."""
        form = form_of(type(row))
        self._check(form, row, form.values(row))

    def check_plain(self, model: type[SignedRow], row: object) -> None:
        """Do the same for a plain row of all columns, in the table's order: to track objects takes longer."""
        form = form_of(model)
        self._check(form, cast("SignedRow", row), form.plain_values(row))

    def _check(self, form: RowForm, row: SignedRow, values: Values) -> None:
        self._require_signed(form, row, values, row.mac)
        if form.table.name in REMEMBERED:
            key, version = form.key(row), row.row_version
            seen = self.versions.of(key)
            if version < seen and self._version_now(form, row) < seen:
                raise self._refusal(key, PUT_BACK)
            if version > seen:
                self.versions.note(key, version)
        if self.refused:
            self.refused.pop(form.key(row), None)

    def require_signed(self, row: SignedRow, values: Values, mac: object) -> None:
        """Raise ChangedRowError unless `row` had these values, with that MAC, before it was changed."""
        self._require_signed(form_of(type(row)), row, values, mac)

    def require_absent(self, key: RowKey) -> None:
        """Raise ChangedRowError when a missing row was seen before, in a table whose rows are never removed."""
        if self.versions.of(key):
            raise self._refusal(key, REMOVED)

    def refuse_of(self, table: str, found: Mapping[RowKey, str]) -> None:
        """Take it that these are all that is refused of a table, each with its reason."""
        for key in [key for key in self.refused if key[0] == table and key not in found]:
            self.refused.pop(key, None)
        for key, reason in found.items():
            self._refusal(key, reason)

    def settle(self, table: str, held: Set[RowKey]) -> dict[RowKey, str]:
        """Treat `held` as all rows of a table: return wrongly removed rows, and forget rightly removed ones.

        Versions of rows that retention may have removed are forgotten once they are old enough for that.
        """
        for key in [key for key in self.refused if key[0] == table and key not in held]:
            self.refused.pop(key, None)
        gone = {key for key in self.versions.of_table(table) if key not in held}
        if table in WHOLLY:
            return {self._refusal(key, REMOVED).key: REMOVED for key in gone}
        if table in self._removed_after:
            self.versions.drop_old(gone, self._removed_after[table])
        return {}

    def _require_signed(self, form: RowForm, row: object, values: Values, mac: object) -> None:
        try:
            stands = isinstance(mac, bytes) and hmac.compare_digest(self.keyring.row_mac(form.signed(values)), mac)
        except (TypeError, ValueError, AttributeError):  # no row of ours holds such values
            stands = False
        if not stands:
            raise self._refusal(form.key(row), CHANGED)

    def _refusal(self, key: RowKey, reason: str) -> ChangedRowError:
        if self.refused.get(key) != reason:
            self.refused[key] = reason
            log.error("row_refused", table=key[0], key=key[1], reason=reason)
        return ChangedRowError(key)

    def _version_now(self, form: RowForm, row: object) -> int:
        """Return the version that the database holds now: a transaction that began earlier may see an older one."""
        same = [column == getattr(row, column.name) for column in form.table.primary_key]
        with self._engine.connect() as connection:
            return int(connection.execute(sqlalchemy.select(form.table.c.row_version).where(*same)).scalar() or 0)
