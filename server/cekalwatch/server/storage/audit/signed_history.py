"""Compares the trail in the database with what its signer has signed and seen, before more of it is signed.

Whoever can write the database can drop its triggers and build another chain, with every hash right. They cannot write
the signer's ledger. Methods block.
"""

from __future__ import annotations

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, Entry, Signed
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.history import HistoryChange, HistoryChangedError
from cekalwatch.server.storage.audit.store import AuditStore


class SignedHistory:
    """The history of one signer."""

    def __init__(self, store: AuditStore, ledger: CheckpointLedger, public_key: str) -> None:
        self._store = store
        self._ledger = ledger
        self._public_key = public_key

    def check(self) -> tuple[Checkpoint | None, Entry]:
        """Return the newest checkpoint, and the trail's end, which follows from all that was signed or seen.

        The end counts as seen then. Raises HistoryChangedError, also when the ledger is missing; StorageError and
        ProgramError where it cannot be compared.
        """
        newest = self._newest()
        begin = self._begin(newest)
        if begin.sequence:
            found = self._store.hash_of(begin.sequence)
            if found != begin.hash:
                change = HistoryChange.ENTRY_GONE if found is None else HistoryChange.ENTRY_CHANGED
                raise HistoryChangedError(change, begin.sequence)
        end = self._follow_chain(begin)
        if end != begin:
            self._ledger.see(end)
        return newest, end

    def _newest(self) -> Checkpoint | None:
        """Return the newest checkpoint; the database has it, and all before it."""
        signed, held = self._ledger.newest(), self._store.newest_checkpoint(self._public_key)
        number = signed.checkpoint.number if signed else 0
        if held and held.number > number:
            # Only this key can have signed it: the ledger is an older copy, or another program signs at this moment.
            if not held.valid:
                raise HistoryChangedError(HistoryChange.CHECKPOINT_CHANGED, held.sequence)
            self._ledger.follow(held)
            signed = Signed(held, stored=False)
        elif signed and held != signed.checkpoint:
            self._store_again(signed, held)
        if signed is None:
            return None
        newest = signed.checkpoint
        if not signed.stored:
            self._ledger.mark_stored(newest.number)
        given_up = sum(one.last - one.first + 1 for one in self._ledger.given_up())
        if self._store.count_checkpoints(self._public_key, newest.number) + given_up < newest.number:
            raise HistoryChangedError(HistoryChange.CHECKPOINT_GONE)
        return newest

    def _store_again(self, signed: Signed, held: Checkpoint | None) -> None:
        """Store a checkpoint that the program could not, since it ended just then; raises HistoryChangedError."""
        newest = signed.checkpoint
        if held and held.number == newest.number:
            raise HistoryChangedError(HistoryChange.CHECKPOINT_CHANGED, newest.sequence)
        if signed.stored or self._store.hash_of(newest.sequence) is None:
            raise HistoryChangedError(HistoryChange.CHECKPOINT_GONE, newest.sequence)
        self._store.add_checkpoint(newest)

    def _begin(self, newest: Checkpoint | None) -> Entry:
        """Return the last entry that is known for sure."""
        seen = self._ledger.seen()
        if newest and newest.sequence > seen.sequence:
            return Entry(newest.sequence, newest.hash)
        return seen

    def _follow_chain(self, begin: Entry) -> Entry:
        """Return the trail's end; raises HistoryChangedError unless all entries since `begin` follow one another."""
        end, last = Entry(*self._store.head()), begin
        for one in self._store.links_after(begin.sequence, end.sequence):
            if one.sequence != last.sequence + 1 or one.previous_hash != last.hash or not one.holds:
                raise HistoryChangedError(HistoryChange.CHAIN_BROKEN, one.sequence)
            last = Entry(one.sequence, one.hash)
        if last != end:
            raise HistoryChangedError(HistoryChange.CHAIN_BROKEN, end.sequence)
        return end
