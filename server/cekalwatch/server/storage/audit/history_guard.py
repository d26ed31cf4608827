"""Guards the history of the audit trail: what was signed stays as it was, or nothing more is signed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.history import HistoryChange, HistoryChangedError
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.hardware.errors import TokenError
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
from cekalwatch.server.storage.cluster.lease_store import Lease
from cekalwatch.server.storage.fence import LeaseLostError, fenced

TELL_AGAIN = timedelta(hours=1)
"""How often the log says again that a changed history is not signed."""

log = structlog.get_logger()


@dataclass
class HistoryGuard:
    """Signs the history while it is what it was, and tells why while it is not. Methods block."""

    signer: CheckpointSigner
    lease: Callable[[], Lease | None]
    """Every server looks, and the one that has the lease signs."""
    clock: Clock
    change: HistoryChange | None = None
    """What is wrong with the history; nothing is signed meanwhile, and entries are recorded all the same."""
    waits_for: TokenError | None = None
    """Why a checkpoint that is due is not signed: the token with the key is away, or refuses; it is tried again."""
    newest: Checkpoint | None = None
    """What was signed last."""
    _told_at: datetime | None = field(default=None, repr=False)

    def look(self) -> None:
        """Check the history, and sign what is due. Raises StorageError, ProgramError where it cannot be checked."""
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
        """Return what `sign` does; None, and nothing is stored, where another server has to."""
        if (lease := self.lease()) is None:
            return None
        try:
            with fenced(lease):
                return sign()
        except LeaseLostError:
            return None

    def sign_for_reader(self) -> Checkpoint | None:
        """Sign the trail's end where this server does; return the newest checkpoint in the database.

        None: there is none, or the history is not the one that was signed.
        """
        with suppress(TokenError):  # a chore tells of it
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
