"""The position of a reading of a database, and its text form, the cursor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from cekalwatch.server.watchlist.sources.source import CursorExpired

Mark = str | int | datetime | date | None
"""A key, or a value of the column that rises with changes."""

_TIME: Final = "t"
_DAY: Final = "d"


@dataclass(frozen=True)
class SqlPosition:
    """The position. At the beginning of a whole reading everything is None."""

    group: int = 0
    """1 for orders that extend others, else 0; the latter come first."""
    after: Mark = None
    """The key of the last row that was given."""
    since: Mark = None
    """Only rows that changed since then are read; None for a whole reading."""
    mark: Mark = None
    """The last change at the time when the reading began."""
    whole_at: float = 0.0
    """When the last whole reading began, in seconds of the Unix epoch."""

    @property
    def text(self) -> str:
        """The cursor."""
        marks = [_written(one) for one in (self.after, self.since, self.mark)]
        return json.dumps([self.group, *marks, self.whole_at], separators=(",", ":"))

    @classmethod
    def of(cls, cursor: str) -> SqlPosition:
        """Read a cursor; raises CursorExpired for any other text."""
        if not cursor:
            return cls()
        try:
            match json.loads(cursor):
                case [int(group), after, since, mark, int() | float() as whole_at]:
                    return cls(group, _read(after), _read(since), _read(mark), whole_at)
        except ValueError:
            pass
        raise CursorExpired

    def reaching_back(self, seconds: float) -> Mark:
        """Return `since`, earlier by `seconds` if it is a time."""
        return self.since - timedelta(seconds=seconds) if isinstance(self.since, datetime) else self.since


def as_mark(value: object) -> Mark:
    """Return a database's value as one that a cursor can hold."""
    return value if value is None or isinstance(value, str | int | date) else str(value)


def _written(mark: Mark) -> object:
    if isinstance(mark, datetime):
        return [_TIME, mark.isoformat()]
    return [_DAY, mark.isoformat()] if isinstance(mark, date) else mark


def _read(written: object) -> Mark:
    """Raises ValueError."""
    match written:
        case None | int() | str():
            return written
        case ["t", str(text)]:
            return datetime.fromisoformat(text)
        case ["d", str(text)]:
            return date.fromisoformat(text)
    raise ValueError
