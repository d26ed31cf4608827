"""Checks the whole trail against all that is known of it: checkpoints, the signer's ledger, an auditor's own file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cekalwatch.contract.values.audit import TrailProblem, TrailProblemKind
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, HistoryChangedError
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.audit.destinations.timestamps import TimestampVerifier
from cekalwatch.server.audit.entry import GENESIS, Link
from cekalwatch.server.audit.search_terms import Footprint, index_rows
from cekalwatch.server.storage.audit.store import AuditStore

_WORDS: Final = {
    TrailProblemKind.CHANGED: "was changed: its content does not give its hash",
    TrailProblemKind.MISSING: "is missing",
    TrailProblemKind.INSERTED: "was inserted: the entries around it follow each other",
    TrailProblemKind.MISPLACED: (
        "does not follow the entry before it: entries between them were removed, or it was moved"
    ),
    TrailProblemKind.REWRITTEN: "is, with entries before it, not what it was: the hash is another than was noted in",
    TrailProblemKind.CUT_OFF: "is missing at the end of the trail, although it was noted in",
}
"""Each continues "entry 7"."""


def broken(kind: TrailProblemKind, first: int, last: int, origin: str = "") -> TrailProblem:
    """Return what is wrong with the entries `first` to `last`; `origin` is the anchor's that shows it."""
    many, what = last > first, _WORDS[kind]
    if many:
        what = what.replace("is missing", "are missing").replace("it was", "they were")
    who = f"entries {first} to {last}" if many else f"entry {first}"
    return TrailProblem(kind, first, last, f"{who} {what}" + (f" {origin}" if origin else ""))


@dataclass(frozen=True)
class Anchor:
    """The hash that the entry of that sequence has according to `origin`, for example a checkpoint."""

    sequence: int
    hash: str
    origin: str


class ChainCheck:
    """Finds which entries of an audit chain were changed, removed, inserted or moved.

    It reads the chain once, in order, and keeps only the last two links. A chain alone cannot show that its end was cut
    off or that it was completely rewritten: anchors show that, which are hashes known from elsewhere.
    """

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

    def breaks(self, links: Iterable[Link]) -> Iterator[TrailProblem]:
        """Yield the faults in the order of the chain; `links` must be in order of rising sequence."""
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
            yield broken(TrailProblemKind.CUT_OFF, self._expected, last, self._anchors[last][0].origin)

    def _wrong(self, one: Link) -> Iterator[TrailProblem]:
        gap = one.sequence > self._expected
        if gap:
            yield broken(TrailProblemKind.MISSING, self._expected, one.sequence - 1)
        if not one.holds:
            yield broken(TrailProblemKind.CHANGED, one.sequence, one.sequence)
        elif one.sequence < self._expected:
            yield broken(TrailProblemKind.INSERTED, one.sequence, one.sequence)
        elif one.previous_hash != self._hash and not gap and not self._broken:
            if one.previous_hash == self._hash_before:
                yield broken(TrailProblemKind.INSERTED, one.sequence - 1, one.sequence - 1)
            else:
                yield broken(TrailProblemKind.MISPLACED, one.sequence, one.sequence)

    def _compared(self, one: Link, anchor: Anchor) -> Iterator[TrailProblem]:
        # After a rewriting, every later anchor differs, and this break was reported already.
        if one.hash != anchor.hash and not self._broken and not self._rewritten:
            self._rewritten = True
            yield broken(TrailProblemKind.REWRITTEN, one.sequence, one.sequence, anchor.origin)


Counted = Callable[[Iterable[Link]], Iterator[Link]]
"""Passes entries on, and shows how many have passed."""


@dataclass
class TrailCheck:
    """Checks once; `problems` has to be read to its end before the figures are right. It blocks."""

    store: AuditStore
    own_key: str = ""
    """Public key of the server's own signer; empty: it has none."""
    ledger: CheckpointLedger | None = None
    """That signer's."""
    brought: Sequence[KeptCheckpoint] = ()
    """Checkpoints that were kept elsewhere; their signers are trusted."""
    timestamps: TimestampVerifier | None = None
    """None: time stamps are not checked."""
    entries: int = field(default=0, init=False)
    signed: int = field(default=0, init=False)
    """The last entry that a checkpoint is at."""
    stamped: int = field(default=0, init=False)
    """Checkpoints that were brought, with a time stamp that is right."""

    @property
    def trusted(self) -> frozenset[str]:
        """The signers whose checkpoints count."""
        return frozenset({one.checkpoint.public_key for one in self.brought} | {self.own_key}) - {""}

    def problems(self, counted: Counted) -> Iterator[TrailProblem]:
        """Yield the faults."""
        # The ledger first: entries added to the trail after that do no harm.
        beside: list[Anchor] = []
        yield from self._beside_the_key(beside)
        stored, (end, end_hash) = self.store.checkpoints(), self.store.head()
        anchors = list[Anchor]()
        yield from self._stored(stored, anchors)
        yield from self._brought(stored, anchors)
        self.signed = max((anchor.sequence for anchor in anchors), default=0)
        anchors += [*beside, *([Anchor(end, end_hash, "the head of the trail")] if end else [])]
        check, last, whole = ChainCheck(anchors), 0, True
        index = Footprint()

        def indexed(links: Iterable[Link]) -> Iterator[Link]:
            nonlocal last
            for one in links:
                last = one.sequence
                with suppress(ValueError):  # a damaged entry, which is a break
                    index.add(index_rows(one))
                yield one

        for found in check.breaks(indexed(counted(self.store.links()))):
            whole = False
            yield found
        self.entries = check.entries
        if whole and index != self.store.index_footprint(last):
            yield TrailProblem(
                TrailProblemKind.INDEX_WRONG,
                1,
                last,
                "the entries are whole, and the index of the trail does not fit them: searches may miss some",
            )

    def _stored(self, stored: Sequence[Checkpoint], anchors: list[Anchor]) -> Iterator[TrailProblem]:
        for one in stored:
            name = f"the checkpoint of {one.at} at entry {one.sequence}"
            if not one.valid:
                words = f"{name} was changed: its signature is wrong"
                yield _of_checkpoint(TrailProblemKind.CHECKPOINT_CHANGED, one, words)
            elif one.public_key not in self.trusted:
                words = f"{name} is signed by the unknown key {one.public_key}"
                yield _of_checkpoint(TrailProblemKind.CHECKPOINT_UNKNOWN, one, words)
            else:
                anchors.append(_anchor(one))

    def _brought(self, stored: Sequence[Checkpoint], anchors: list[Anchor]) -> Iterator[TrailProblem]:
        for kept in self.brought:
            one = kept.checkpoint
            anchors.append(_anchor(one))
            if one not in stored:
                words = f"checkpoint {one.number} of {one.at} at entry {one.sequence} was taken out of the database"
                yield _of_checkpoint(TrailProblemKind.CHECKPOINT_GONE, one, words)
            if kept.timestamp and self.timestamps:
                try:
                    self.timestamps.moment(kept)
                    self.stamped += 1
                except ValueError as error:
                    words = f"the time stamp of checkpoint {one.number} of {one.at} is wrong: {error}"
                    yield _of_checkpoint(TrailProblemKind.TIMESTAMP_WRONG, one, words)

    def _beside_the_key(self, anchors: list[Anchor]) -> Iterator[TrailProblem]:
        """Yield the differences from the signer's ledger, and add its signed and seen entries."""
        if not self.own_key or self.ledger is None:
            return
        try:
            signed, seen, given_up = self.ledger.newest(), self.ledger.seen(), self.ledger.given_up()
        except HistoryChangedError:
            yield TrailProblem(
                TrailProblemKind.LEDGER_GONE,
                0,
                0,
                f"the ledger {self.ledger.name} is missing or empty: nobody can say what this server signed last. "
                "Restore it, or see `audit accept-history`",
            )
            return
        if seen.sequence:
            anchors.append(Anchor(seen.sequence, seen.hash, "the server's ledger"))
        if signed is None:
            return
        anchors.append(Anchor(signed.checkpoint.sequence, signed.checkpoint.hash, "the server's ledger"))
        own = {one.number for one in self.store.checkpoints() if one.public_key == self.own_key}
        last = signed.checkpoint.number - (not signed.stored)
        for number in range(1, last + 1):
            if number not in own and not any(number in gap for gap in given_up):
                words = f"checkpoint {number} of this server's {last} was taken out of the database"
                yield TrailProblem(TrailProblemKind.CHECKPOINT_GONE, 0, 0, words)


def _of_checkpoint(kind: TrailProblemKind, one: Checkpoint, words: str) -> TrailProblem:
    return TrailProblem(kind, one.sequence, one.sequence, words)


def _anchor(checkpoint: Checkpoint) -> Anchor:
    return Anchor(checkpoint.sequence, checkpoint.hash, f"the checkpoint of {checkpoint.at}")
