"""Signs checkpoints of the audit trail when they are due, if the earlier history is the one that was signed and seen.

Somebody who can write to the database can drop its triggers and build another chain with correct hashes, but cannot
write the signer's ledger, with which the trail is compared. If the signed history changes, signing stops.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, groupby

import structlog

from cekalwatch.server.audit.checkpoint_ledger import (
    CheckpointLedger,
    Entry,
    GivenUp,
    HistoryChange,
    HistoryChangedError,
    Signed,
)
from cekalwatch.server.audit.checkpoints import Checkpoint, SigningKey
from cekalwatch.server.audit.entry import Action, AuditEntry, both_keys, operator, stamp
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.hardware.errors import TokenError
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.cluster.lease_store import Lease
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced

EVERY_ENTRIES = 1000
EVERY = timedelta(hours=1)

log = structlog.get_logger()


class CheckpointSigner:
    """Signs with one key. Methods block, and raise what `SignedHistory.check` does: nothing is signed then."""

    def __init__(self, store: AuditStore, key: SigningKey, ledger: CheckpointLedger, clock: Clock) -> None:
        self.store = store
        self._key = key
        self._ledger = ledger
        self._clock = clock
        self._history = SignedHistory(store, ledger, key.public_key)

    def sign_if_due(self) -> Checkpoint | None:
        """Check the history; sign when an hour has passed or 1,000 entries were added since the last checkpoint.

        Return the newest checkpoint.
        """
        newest, end = self._history.check()
        entries = end.sequence - (newest.sequence if newest else 0)
        since = self._clock.now() - datetime.fromisoformat(newest.at) if newest else EVERY
        due = not timedelta() <= since < EVERY  # the clock may have been ahead then
        return self.sign() if entries and (due or entries >= EVERY_ENTRIES) else newest

    def newest(self) -> Checkpoint | None:
        """Check the history, and return the newest checkpoint."""
        return self._history.check()[0]

    def sign(self) -> Checkpoint | None:
        """Return a checkpoint at the trail's end, made now if it is missing; None when the trail is empty.

        It is also logged, since offices store logs elsewhere.
        """
        newest, end = self._history.check()
        if not end.sequence or (newest and newest.sequence == end.sequence):
            return newest
        made = self._key.sign(newest.number + 1 if newest else 1, end.sequence, end.hash, stamp(self._clock.now()))
        if not self._ledger.put(made):
            return self.newest()  # another program with this key was first
        self._store_made(made)
        return made

    def history_change(self) -> HistoryChangedError | None:
        """Return the difference between the history and the signed one; None if there is none."""
        try:
            self._history.check()
        except HistoryChangedError as error:
            return error
        return None

    def accept(self, found: HistoryChangedError, people: TwoPeople, explanation: str) -> Checkpoint:
        """Accept the present history, and record this with the people who signed for it.

        Checkpoints that the database lacks are given up; their numbers are not used again.
        """
        self._ledger.begin()
        signed, held = self._ledger.newest(), self.store.newest_checkpoint(self._key.public_key)
        number = max(signed.checkpoint.number if signed else 0, held.number if held and held.valid else 0)
        given_up, now = self._missing(number), self._clock.now()
        details: dict[str, int | str] = {
            "change": found.change,
            "entry": found.entry,
            "signed_entry": signed.checkpoint.sequence if signed else 0,
            "signed_hash": signed.checkpoint.hash if signed else "",
            "checkpoints_given_up": sum(one.last - one.first + 1 for one in given_up),
            "explanation": explanation,
        }
        both = both_keys(people)
        self.store.append(AuditEntry(now, operator(), Action.AUDIT_HISTORY_ACCEPTED, both, details=details))
        made = self._key.sign(number + 1, *self.store.head(), stamp(now))
        self._ledger.accept(made, given_up)
        self._store_made(made)
        return made

    def _missing(self, through: int) -> list[GivenUp]:
        """Return the numbers that the database lacks, those given up before among them."""
        own = {one.number for one in self.store.checkpoints() if one.public_key == self._key.public_key}
        steps = count()
        gaps = groupby((one for one in range(1, through + 1) if one not in own), lambda one: one - next(steps))
        return [GivenUp(numbers[0], numbers[-1]) for numbers in (list(gap) for _, gap in gaps)]

    def _store_made(self, made: Checkpoint) -> None:
        if self.store.add_checkpoint(made):
            log.info("audit_checkpoint", **made.__dict__)
        self._ledger.mark_stored(made.number)


class SignedHistory:
    """The history of one signer."""

    def __init__(self, store: AuditStore, ledger: CheckpointLedger, public_key: str) -> None:
        self._store = store
        self._ledger = ledger
        self._public_key = public_key

    def check(self) -> tuple[Checkpoint | None, Entry]:
        """Return the newest checkpoint and the trail's end, which is checked against all signed and seen entries.

        Then the end counts as seen. Raises HistoryChangedError, also when the ledger is missing; StorageError and
        ProgramError when it cannot be compared.
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


TELL_AGAIN = timedelta(hours=1)
"""How often the log says again that a changed history is not signed."""


@dataclass
class HistoryGuard:
    """Signs the history while it is unchanged, and reports a change. Methods block."""

    signer: CheckpointSigner
    lease: Callable[[], Lease | None]
    """Every server checks, and the leader signs."""
    clock: Clock
    change: HistoryChange | None = None
    """The change of the history; while there is one, nothing is signed, but entries are still recorded."""
    waits_for: TokenError | None = None
    """Why a checkpoint that is due is not signed: the token with the key is away, or refuses; it is tried again."""
    newest: Checkpoint | None = None
    """The last signed checkpoint."""
    _told_at: datetime | None = field(default=None, repr=False)

    def look(self) -> None:
        """Check the history, and sign a due checkpoint. Raises StorageError, ProgramError when it cannot be checked."""
        try:
            self.newest = self._behind_lease(self.signer.sign_if_due) or self.signer.newest()
        except HistoryChangedError as error:
            self._refuse(error)
            return
        except TokenError as error:
            if str(error) != str(self.waits_for):
                log.warning("audit_not_signed", problem=str(error))
            self.waits_for = error
            return
        if self.change:
            log.info("audit_history_accepted", change=self.change)
        if self.waits_for:
            log.info("audit_signed_again")
        self.change = self.waits_for = None

    def sign(self) -> None:
        """Sign the trail's end, when the server stops."""
        try:
            self._behind_lease(self.signer.sign)
        except HistoryChangedError as error:
            self._refuse(error)

    def _behind_lease(self, sign: Callable[[], Checkpoint | None]) -> Checkpoint | None:
        """Return the result of `sign`; None without storing anything when another server has to sign."""
        if (lease := self.lease()) is None:
            return None
        try:
            with fenced(lease):
                return sign()
        except LeaseLostError:
            return None

    def sign_for_reader(self) -> Checkpoint | None:
        """Sign the trail's end if this server is the signer; return the newest checkpoint in the database.

        None: there is none, or the history is not the signed one.
        """
        with suppress(TokenError):  # a job of the leader reports it
            self.sign()
        if self.change:
            return None
        store = self.signer.store
        newest = store.checkpoints_after(store.newest_checkpoint_sequence(), 1)
        return newest[0] if newest and newest[0].valid else None

    def _refuse(self, error: HistoryChangedError) -> None:
        now = self.clock.now()
        if error.change is not self.change or self._told_at is None or now - self._told_at >= TELL_AGAIN:
            log.error("audit_history_changed", change=error.change, entry=error.entry)
            self._told_at = now
        self.change = error.change
