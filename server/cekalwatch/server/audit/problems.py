"""What `audit verify` finds wrong with the trail, or with what is known of it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from cekalwatch.server.audit.verification import Break


class TrailProblemKind(StrEnum):
    """The kinds; the first six are those of `BreakKind`, by name."""

    CHANGED = "CHANGED"
    MISSING = "MISSING"
    INSERTED = "INSERTED"
    MISPLACED = "MISPLACED"
    REWRITTEN = "REWRITTEN"
    CUT_OFF = "CUT_OFF"
    CHECKPOINT_CHANGED = "CHECKPOINT_CHANGED"
    """The signature of a checkpoint is wrong."""
    CHECKPOINT_UNKNOWN = "CHECKPOINT_UNKNOWN"
    """A checkpoint is signed by a key that nobody knows."""
    CHECKPOINT_GONE = "CHECKPOINT_GONE"
    """A checkpoint that was signed is not in the database."""
    TIMESTAMP_WRONG = "TIMESTAMP_WRONG"
    """The time stamp of a checkpoint does not prove its moment."""
    LEDGER_GONE = "LEDGER_GONE"
    """The signer's ledger is missing."""
    INDEX_WRONG = "INDEX_WRONG"
    """The entries are in order, and the index by which they are found does not fit them."""


@dataclass(frozen=True)
class TrailProblem:
    """One thing that is wrong."""

    kind: TrailProblemKind
    first: int
    """The first entry concerned, by sequence; for a checkpoint the entry that it is at, 0 where that is not known."""
    last: int
    words: str
    """The same in a sentence, for who reads the command's output."""

    def __str__(self) -> str:
        return self.words

    @classmethod
    def of(cls, found: Break) -> Self:
        """Return what a break of the chain is."""
        return cls(TrailProblemKind[found.kind.name], found.first, found.last, str(found))
