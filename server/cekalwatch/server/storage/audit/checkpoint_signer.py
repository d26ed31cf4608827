"""Signs checkpoints of the audit trail when they are due, if the history before is what was signed and seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count, groupby

import structlog

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger, GivenUp
from cekalwatch.server.audit.checkpoints import Checkpoint, SigningKey
from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind, operator, stamp
from cekalwatch.server.audit.history import HistoryChangedError
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.storage.audit.signed_history import SignedHistory
from cekalwatch.server.storage.audit.store import AuditStore

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
        """Check the history; sign when an hour has passed or 1,000 entries have come since the last checkpoint.

        Return the newest one.
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
        """Return a checkpoint at the trail's end, made now unless there is one; None when the trail is empty.

        It goes to the log as well, which offices keep elsewhere.
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
        """Return how the history differs from the one that was signed; None: it does not."""
        try:
            self._history.check()
        except HistoryChangedError as error:
            return error
        return None

    def accept(self, found: HistoryChangedError, people: TwoPeople, explanation: str) -> Checkpoint:
        """Begin anew on the history as it is, and record that, and who signed for it.

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
        both = tuple(ObjectKind.PERSON.key(one.person_id) for one in (people.first, people.second))
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
