"""Versions of rows, and the highest ones seen: an older row that somebody restores has a correct MAC.

Each write gives a row a higher version. Seen versions are in a file outside the database, next to the keys, so that
somebody who can write to the database cannot make the server forget them.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import FOLDER_MODE, write_private
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.integrity.signed_row import RowKey

WHOLLY = frozenset(
    {
        "camera_policy",
        "decision_threshold",
        "gallery_state",
        "law_row",
        "learned_threshold",
        "list_inventory",
        "person",
        "setting",
        "sync_state",
    }
)
"""Tables of which every row is remembered."""
ALERTS = "alert"
REMEMBERED = WHOLLY | {ALERTS, "ban_order"}
"""Tables of which rows are remembered that were changed after they were added: no other can be put back."""


def next_version(before: int) -> int:
    """Return the version of a row that is added (`before` is 0) or changed.

    It is the time in microseconds since 1970, doubled, plus one for a change. So a row that was deleted and is added
    again, by any server, is newer than before. A clock that was set back does not make a change older.
    """
    moment = time.time_ns() // 1000
    return max(moment, before // 2 + 1) * 2 + (before > 0)


class _Rehearsing(threading.local):
    on = False


class SeenVersions:
    """The highest versions that were seen, by row. Any number of threads may use it, and programs the same file."""

    def __init__(self, file: Path | None, keyring: Keyring) -> None:
        """Read `file`, if there is one; None keeps them in memory only. Raises ProgramError when it was changed."""
        self._file = file
        self._keyring = keyring
        self._changing = threading.Lock()
        self._rehearsing = _Rehearsing()
        self._seen: dict[RowKey, int] = {}
        self._gone: dict[RowKey, int] = {}
        """Up to which version a row is forgotten, since people have accepted that it is gone."""
        self._read_at = 0
        self._kept = True
        self._read()

    def of(self, key: RowKey) -> int:
        """Return the highest version of that row; 0 when none was seen."""
        return self._seen.get(key, 0)

    def note(self, key: RowKey, version: int) -> None:
        """Remember that the row was seen in that version, if rows like it can be put back."""
        if version <= self._seen.get(key, 0) or not (version % 2 or key[0] in WHOLLY) or self._rehearsing.on:
            return
        with self._changing:
            self._seen[key], self._kept = max(version, self._seen.get(key, 0)), False

    @contextmanager
    def rehearsing(self) -> Iterator[None]:
        """Note nothing that this thread sees in the block: it was not committed, and may never be."""
        self._rehearsing.on = True
        try:
            yield
        finally:
            self._rehearsing.on = False

    def forget(self, key: RowKey) -> None:
        """Take it that the row is gone."""
        with self._changing:
            self._gone[key], self._kept = self._seen.pop(key, 0), False

    def drop_old(self, keys: Iterable[RowKey], after: timedelta) -> None:
        """Remember these rows no more that were changed last so long ago: retention has removed them."""
        oldest = time.time_ns() // 1000 - after // timedelta(microseconds=1)
        with self._changing:
            for key in keys:
                if key in self._seen and self._seen[key] // 2 < oldest:
                    del self._seen[key]
                    self._kept = False

    def of_table(self, table: str) -> list[RowKey]:
        """Return the rows of a table that are remembered."""
        with self._changing:
            return [key for key in self._seen if key[0] == table]

    def keep(self) -> None:
        """Read what other programs have written to the file, and write newly seen versions. Raises ProgramError.

        If two programs write at the same time, one may lose its versions until it sees them again.
        """
        self._read()
        if self._file is None or self._kept:
            return
        with self._changing:
            rows = [[*key, self._seen.get(key, 0), self._gone.get(key, 0)] for key in {*self._seen, *self._gone}]
            self._kept = True
        text = json.dumps(sorted(rows))
        self._file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_private(self._file, json.dumps({"mac": self._mac(text), "rows": text}).encode())
        self._read_at = self._file.stat().st_mtime_ns

    def _read(self) -> None:
        """Take over what the file has, if it has changed."""
        try:
            changed_at = self._file.stat().st_mtime_ns if self._file else 0
            if self._file is None or changed_at == self._read_at:
                return
            kept = json.loads(self._file.read_bytes())
            if not hmac.compare_digest(kept["mac"], self._mac(kept["rows"])):
                raise ValueError("another mac")
            rows = json.loads(kept["rows"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            raise ProgramError(
                f"{self._file}, which tells what versions of rows were seen, cannot be read or was changed. Find out "
                "by whom. Without it, old rows that are put back are not noticed; remove it to begin anew",
                Exit.CONFIG,
            ) from None
        with self._changing:
            self._read_at = changed_at
            for table, key, version, gone in rows:
                self._take((table, key), version, gone)

    def _take(self, key: RowKey, version: int, gone: int) -> None:
        newest, gone = max(version, self._seen.get(key, 0)), max(gone, self._gone.get(key, 0))
        if gone:
            self._gone[key] = gone
        if newest > gone:
            self._seen[key] = newest
        else:
            self._seen.pop(key, None)

    def _mac(self, text: str) -> str:
        return self._keyring.row_mac(b"seen versions " + text.encode()).hex()
