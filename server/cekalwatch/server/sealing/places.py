"""Where a sealed value belongs. It goes into the seal, so that a value moved to another row or column does not open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A column of a table, in the database's own names."""

    table: str
    column: str

    def at(self, *key: str) -> bytes:
        """Return the one row's form: every part with its length before it, so that no two places read alike.

        `key` is the row's primary key, in the order of the table's columns.
        """
        parts = [part.encode() for part in (self.table, self.column, *key)]
        return b"".join(b"%d:%b" % (len(part), part) for part in parts)
