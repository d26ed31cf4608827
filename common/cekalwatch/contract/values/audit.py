"""The audit trail as auditors search, check and export it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.contract.values.people import PersonReference


class ExportFormat(StrEnum):
    """The forms of an export."""

    JSONL = "jsonl"
    CSV = "csv"


class TrailProblemKind(StrEnum):
    """Findings of a check."""

    CHANGED = "CHANGED"
    MISSING = "MISSING"
    INSERTED = "INSERTED"
    MISPLACED = "MISPLACED"
    REWRITTEN = "REWRITTEN"
    CUT_OFF = "CUT_OFF"
    CHECKPOINT_CHANGED = "CHECKPOINT_CHANGED"
    """The signature of a checkpoint is wrong."""
    CHECKPOINT_UNKNOWN = "CHECKPOINT_UNKNOWN"
    """A checkpoint is signed by an unknown key."""
    CHECKPOINT_GONE = "CHECKPOINT_GONE"
    """A checkpoint that was signed is not in the database."""
    TIMESTAMP_WRONG = "TIMESTAMP_WRONG"
    """The time stamp of a checkpoint does not prove its moment."""
    LEDGER_GONE = "LEDGER_GONE"
    """The signer's ledger is missing."""
    INDEX_WRONG = "INDEX_WRONG"
    """The entries are correct, but the search index does not match them."""


@dataclass(frozen=True)
class TrailQuery:
    """The search; an empty field means anything."""

    person: str = ""
    """A key, or a sign-in name."""
    subject: str = ""
    alert: str = ""
    action: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""


@dataclass(frozen=True)
class TrailEntry:
    """An entry of the trail."""

    sequence: int
    at: datetime | None
    """None: it is damaged."""
    actor: str
    action: str
    objects: tuple[str, ...]
    object_count: int
    """The number of all objects, including those that are not in `objects`."""
    outcome: str
    details: Mapping[str, str]
    damaged: bool
    """Whether its hash does not match its content."""


@dataclass(frozen=True)
class TrailPage:
    """A page of entries, newest first."""

    entries: tuple[TrailEntry, ...]
    token: str
    """For the next page; empty at the end."""
    people: tuple[PersonReference, ...]
    """The people that the entries name."""
    looked_back_to: datetime | None
    """The position of a short page that is not the last one; otherwise None."""

    @property
    def names(self) -> Mapping[str, str]:
        """Of people, by key."""
        return {one.person_id: one.display_name for one in self.people}


@dataclass(frozen=True)
class TrailCheckpoint:
    """A signed checkpoint of the trail."""

    number: int
    sequence: int
    """The entry that it is at."""
    signed_at: datetime
    public_key: str


@dataclass(frozen=True)
class FullEntry:
    """An entry with what signs it."""

    entry: TrailEntry
    hash: str
    previous_hash: str
    checkpoint: TrailCheckpoint | None
    """The first checkpoint at or after it; None when there is none yet."""
    people: tuple[PersonReference, ...]
    """The people that the entry names."""

    @property
    def names(self) -> Mapping[str, str]:
        """Of people, by key."""
        return {one.person_id: one.display_name for one in self.people}


@dataclass(frozen=True)
class TrailProgress:
    """The progress of a check, in entries."""

    checked: int
    total: int


@dataclass(frozen=True)
class TrailProblem:
    """One thing that is wrong."""

    kind: TrailProblemKind | None
    """None: one that only a newer server knows."""
    first: int
    """The first entry concerned, by sequence; for a checkpoint the entry that it is at, 0 where that is not known."""
    last: int
    words: str = ""
    """The same as a sentence for the output of the server's command. It stays on the server."""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class TrailVerdict:
    """The result of a check."""

    entries: int
    signed: int
    """The last signed entry, which covers all earlier ones; 0 if none is signed."""
    problems: tuple[TrailProblem, ...]
    trusted_keys: tuple[str, ...]
    """Public keys whose checkpoints count."""
