"""Checks the whole trail against all that is known of it: checkpoints, the signer's ledger, an auditor's own file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cekalwatch.contract.values.audit import TrailProblem, TrailProblemKind
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.audit.destinations.timestamps import TimestampVerifier
from cekalwatch.server.audit.entry import Link
from cekalwatch.server.audit.history import HistoryChangedError
from cekalwatch.server.audit.search_terms import Footprint, index_rows
from cekalwatch.server.audit.verification import Anchor, ChainCheck
from cekalwatch.server.storage.audit.store import AuditStore

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
        """Yield what is wrong."""
        # The ledger first: what comes to the trail after that is no problem.
        beside: list[Anchor] = []
        yield from self._beside_the_key(beside)
        stored, (end, end_hash) = self.store.checkpoints(), self.store.head()
        anchors = list[Anchor]()
        yield from self._stored(stored, anchors)
        yield from self._brought(stored, anchors)
        self.signed = max((anchor.sequence for anchor in anchors), default=0)
        anchors += [*beside, *([Anchor(end, end_hash, "the head of the trail")] if end else [])]
        check, last, broken = ChainCheck(anchors), 0, False
        index = Footprint()

        def indexed(links: Iterable[Link]) -> Iterator[Link]:
            nonlocal last
            for one in links:
                last = one.sequence
                with suppress(ValueError):  # a damaged entry, which is a break
                    index.add(index_rows(one))
                yield one

        for found in check.breaks(indexed(counted(self.store.links()))):
            broken = True
            yield TrailProblem(TrailProblemKind[found.kind.name], found.first, found.last, str(found))
        self.entries = check.entries
        if not broken and index != self.store.index_footprint(last):
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
        """Yield what is wrong by the signer's ledger, and add what it has signed and seen."""
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
