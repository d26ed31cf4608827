"""Finds which entries of an audit chain were changed, removed, inserted or moved.

It reads the chain once, in order, and keeps the last two links only. A chain alone cannot show that its end was cut off
or that it was rewritten as a whole: anchors show that, hashes that are known from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cekalwatch.server.audit.entry import GENESIS, Link


class BreakKind(StrEnum):
    """What is wrong; each value continues "entry 7"."""

    CHANGED = "was changed: its content does not give its hash"
    MISSING = "is missing"
    INSERTED = "was inserted: the entries around it follow each other"
    MISPLACED = "does not follow the entry before it: entries between them were removed, or it was moved"
    REWRITTEN = "is, with entries before it, not what it was: the hash is another than was noted in"
    CUT_OFF = "is missing at the end of the trail, although it was noted in"


@dataclass(frozen=True)
class Break:
    """Something wrong with the entries `first` to `last`, by sequence; `origin` is the anchor's that shows it."""

    kind: BreakKind
    first: int
    last: int
    origin: str = ""

    def __str__(self) -> str:
        many = self.last > self.first
        who = f"entries {self.first} to {self.last}" if many else f"entry {self.first}"
        what = self.kind.replace("is missing", "are missing").replace("it was", "they were") if many else self.kind
        return f"{who} {what}" + (f" {self.origin}" if self.origin else "")


@dataclass(frozen=True)
class Anchor:
    """The hash that the entry of that sequence has according to `origin`, for example a checkpoint."""

    sequence: int
    hash: str
    origin: str


class ChainCheck:
    """Checks a chain in one pass."""

    def __init__(self, anchors: Iterable[Anchor] = ()) -> None:
        self._anchors: dict[int, list[Anchor]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.sequence, []).append(anchor)
        self._expected = 1
        self._hash = GENESIS
        self._hash_before = ""
        self._broken = False
        self._rewritten = False
        self.entries = 0
        """Entries seen so far."""

    def breaks(self, links: Iterable[Link]) -> Iterator[Break]:
        """Yield what is wrong, in the order of the chain; `links` come by rising sequence."""
        for one in links:
            self.entries += 1
            if one.sequence == self._expected and one.previous_hash == self._hash and one.holds:
                self._broken = False
            else:
                found = list(self._wrong(one))
                yield from found
                self._broken = bool(found)
            for anchor in self._anchors.get(one.sequence, ()):
                yield from self._compared(one, anchor)
            self._expected = max(self._expected, one.sequence + 1)
            self._hash_before, self._hash = self._hash, one.hash
        last = max(self._anchors, default=0)
        if last >= self._expected:
            yield Break(BreakKind.CUT_OFF, self._expected, last, self._anchors[last][0].origin)

    def _wrong(self, one: Link) -> Iterator[Break]:
        gap = one.sequence > self._expected
        if gap:
            yield Break(BreakKind.MISSING, self._expected, one.sequence - 1)
        if not one.holds:
            yield Break(BreakKind.CHANGED, one.sequence, one.sequence)
        elif one.sequence < self._expected:
            yield Break(BreakKind.INSERTED, one.sequence, one.sequence)
        elif one.previous_hash != self._hash and not gap and not self._broken:
            if one.previous_hash == self._hash_before:
                yield Break(BreakKind.INSERTED, one.sequence - 1, one.sequence - 1)
            else:
                yield Break(BreakKind.MISPLACED, one.sequence, one.sequence)

    def _compared(self, one: Link, anchor: Anchor) -> Iterator[Break]:
        # After a rewriting, every later anchor differs; and what is broken here was reported already.
        if one.hash != anchor.hash and not self._broken and not self._rewritten:
            self._rewritten = True
            yield Break(BreakKind.REWRITTEN, one.sequence, one.sequence, anchor.origin)
