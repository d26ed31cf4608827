"""The signing of the audit trail: the key with its ledger, what checks and signs, and what sends checkpoints away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cekalwatch.contract.values.status import SigningStatus
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.destinations.delivery import CheckpointDelivery, CollectedFile, Destination
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.destinations.timestamps import TimestampAuthority
from cekalwatch.server.cluster.jobs import LeaderLease, PeriodicJob, at_stop
from cekalwatch.server.grpc_api.servicers.audit import AuditCalls, AuditReaders
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner, HistoryGuard
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.wiring.data_folder import refuse_lost_audit_key
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

SIGN_PERIOD_S = 10.0
DELIVER_PERIOD_S = 5.0


def open_signer(settings: ServerSettings, store: AuditStore) -> tuple[SigningKey, CheckpointLedger]:
    """Return the key and its ledger, both made at the first start. Raises ProgramError, StorageError.

    The ledger is made before the key: a key without a ledger means that somebody removed the ledger. A token does not
    say whether its key is new; a key of a token that has signed nothing in the database counts as new.
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


@dataclass(frozen=True)
class AuditParts(Part):
    """The trail, its service for auditors, and what watches over it."""

    trail: AuditTrail
    guard: HistoryGuard
    delivery: CheckpointDelivery

    def state(self) -> SigningStatus:
        """Return the state of signing at the last check. Any thread may call it."""
        guard, newest = self.guard, self.guard.newest
        return SigningStatus(
            checkpoint_number=newest.number if newest else 0,
            signed_entry=newest.sequence if newest else 0,
            signed_at=newest.signed_at if newest else None,
            change=guard.change or "",
            waits=guard.waits_for.reason if guard.waits_for else "",
            destinations=self.delivery.states,
        )


def init_audit(context: Context, leader: LeaderLease) -> AuditParts:
    """Open the trail, its key and its ledger. Raises ProgramError, StorageError."""
    settings, stores, clock, stack = context.settings, context.stores, context.clock, context.stack
    refuse_lost_audit_key(settings, stores.audit)
    key, ledger = open_signer(settings, stores.audit)
    guard = HistoryGuard(CheckpointSigner(stores.audit, key, ledger, clock), lambda: leader.lease, clock)
    delivery = CheckpointDelivery(ledger, checkpoint_destinations(settings), clock)
    stack.callback(at_stop, "checkpoint of the last audit entries", guard.sign)
    trail = AuditTrail(stores.audit, clock)
    stack.callback(trail.close)
    read_ledger = CheckpointLedger(settings.audit_ledger_file)
    readers = AuditReaders(
        trail,
        stores.audit,
        AuditSearch(context.database),
        stores.people,
        lambda: TrailCheck(stores.audit, key.public_key, read_ledger),
        guard.sign_for_reader,
    )
    calls = AuditCalls(readers)
    stack.callback(calls.close)
    jobs = (
        PeriodicJob("sign_audit_trail", SIGN_PERIOD_S, guard.look),
        PeriodicJob("deliver_checkpoints", DELIVER_PERIOD_S, delivery.deliver),
    )
    return AuditParts(trail, guard, delivery, served=calls.served(), jobs=jobs)
