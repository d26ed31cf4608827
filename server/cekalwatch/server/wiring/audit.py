"""The signing of the audit trail: the key with its ledger, what checks and signs, and what sends checkpoints away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import structlog

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import Checkpoint, SigningKey
from cekalwatch.server.audit.destinations.collected_file import CollectedFile
from cekalwatch.server.audit.destinations.delivery import CheckpointDelivery, Destination
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.destinations.timestamps import TimestampAuthority
from cekalwatch.server.audit.history import HistoryChange, HistoryChangedError
from cekalwatch.server.audit.signing_state import SigningState
from cekalwatch.server.cluster.chores import Chore, at_stop
from cekalwatch.server.cluster.duty import ChoreDuty
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.grpc_api.servicers.audit import AuditReaders, AuditServicer
from cekalwatch.server.hardware.errors import TokenError
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.fence import LeaseLostError, fenced
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.losses import refuse_lost_audit_key

SIGN_PERIOD_S = 10.0
DELIVER_PERIOD_S = 5.0
TELL_AGAIN = timedelta(hours=1)
"""How often the log says again that a changed history is not signed."""

log = structlog.get_logger()


def open_signer(settings: ServerSettings, store: AuditStore) -> tuple[SigningKey, CheckpointLedger]:
    """Return the key and its ledger, both made at the first start. Raises ProgramError, StorageError.

    The ledger is made before the key: a key without one means that somebody took it away. A token does not tell whether
    its key is new; there, a key that has signed nothing in the database counts as new.
    """
    destinations = [one.name for one in checkpoint_destinations(settings)]
    ledger = CheckpointLedger(settings.audit_ledger_file, destinations)
    if not settings.audit_key_from and not settings.audit_key_file.exists():
        ledger.begin()
    key = settings.audit_key()
    if settings.audit_key_from and store.newest_checkpoint(key.public_key) is None:
        ledger.begin()
    return key, ledger


def checkpoint_destinations(settings: ServerSettings) -> Sequence[Destination]:
    """Return where checkpoints go by these settings: always to the file, and where else the office wants them."""
    terms, file = settings.audit, CollectedFile(settings.checkpoint_file)
    found: list[Destination] = [file]
    if terms.syslog:
        found.append(SyslogReceiver(terms.syslog, terms.syslog_authorities, terms.syslog_tls_dir))
    if terms.timestamp_url and terms.timestamp_authorities:
        found.append(TimestampAuthority(terms.timestamp_url, terms.timestamp_authorities, file))
    return found


@dataclass
class HistoryGuard:
    """Looks whether the history is what it was, and says so while it is not; signs it while it is, as a chore.

    Methods block.
    """

    signer: CheckpointSigner
    duty: ChoreDuty
    """Every server looks, and the one that has it signs."""
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
        if (lease := self.duty.lease) is None:
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


@dataclass(frozen=True)
class AuditWiring:
    """What watches over the trail."""

    guard: HistoryGuard
    delivery: CheckpointDelivery
    chores: tuple[Chore, ...]
    own_key: str
    """Public key with which this server signs."""

    def servicer(self, context: Context, trail: AuditTrail) -> AuditServicer:
        """Return what serves auditors; it ends with the context."""
        stores = context.stores
        ledger = CheckpointLedger(context.settings.audit_ledger_file)
        readers = AuditReaders(
            trail,
            stores.audit,
            AuditSearch(context.database),
            stores.people,
            lambda: TrailCheck(stores.audit, self.own_key, ledger),
            self.guard.sign_for_reader,
        )
        servicer = AuditServicer(readers)
        context.stack.callback(servicer.close)
        return servicer

    def state(self) -> SigningState:
        """Return how it stands, as of the last look; any thread may ask."""
        guard = self.guard
        waits = guard.waits_for.reason if guard.waits_for else None
        return SigningState(guard.newest, guard.change, waits, self.delivery.states)

    @classmethod
    def open(cls, context: Context, duty: ChoreDuty) -> Self:
        """Open key and ledger. Raises ProgramError, StorageError."""
        settings, clock = context.settings, context.clock
        refuse_lost_audit_key(settings, context.stores.audit)
        key, ledger = open_signer(settings, context.stores.audit)
        guard = HistoryGuard(CheckpointSigner(context.stores.audit, key, ledger, clock), duty, clock)
        delivery = CheckpointDelivery(ledger, checkpoint_destinations(settings), clock)
        context.stack.callback(at_stop, "checkpoint of the last audit entries", guard.sign)
        chores = (
            Chore("sign_audit_trail", SIGN_PERIOD_S, guard.look),
            Chore("deliver_checkpoints", DELIVER_PERIOD_S, delivery.deliver),
        )
        return cls(guard, delivery, chores, key.public_key)
