"""Where a sealed value belongs. It goes into the seal, so that a value moved to another row or column does not open."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AssociatedData:
    """A column of a table, in the database's own names."""

    table: str
    column: str
    _prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prefix", _measured(self.table) + _measured(self.column))

    def at(self, *key: str) -> bytes:
        """Return the one row's form: every part with its length before it, so that no two places read alike.

        `key` is the row's primary key, in the order of the table's columns.
        """
        return self._prefix + b"".join(map(_measured, key))


def _measured(part: str) -> bytes:
    text = part.encode()
    return b"%d:%b" % (len(text), text)
