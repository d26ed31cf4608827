"""Entries and chains for tests of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.entry import GENESIS, Action, Actor, ActorKind, AuditEntry, Link, ObjectKind, link
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion

START = datetime(2026, 3, 1, 5, tzinfo=UTC)
OFFICER = Actor(ActorKind.CLIENT, "127.0.0.1")


def entry(number: int = 1, **facts: Any) -> AuditEntry:
    """A view of subject S-<number>, `number` seconds after the start."""
    usual: dict[str, Any] = {
        "at": START + timedelta(seconds=number),
        "actor": OFFICER,
        "action": Action.SUBJECT_VIEWED,
        "objects": (ObjectKind.SUBJECT.key(f"S-{number}"),),
        "details": {"pictures": number % 2},
    }
    return AuditEntry(**usual | facts)


def chain(length: int) -> list[Link]:
    """A whole chain of that length."""
    links: list[Link] = []
    previous = GENESIS
    for number in range(1, length + 1):
        links.append(link(entry(number), number, previous))
        previous = links[-1].hash
    return links


def signer(store: AuditStore, folder: Path, clock: Clock) -> CheckpointSigner:
    """A signer with its key and its ledger in `folder`, made when they are not there."""
    ledger = CheckpointLedger(folder / "audit_ledger.sqlite3", ["file"])
    ledger.begin()
    return CheckpointSigner(store, SigningKey.load_or_create(folder / "audit_key.pem"), ledger, clock)


def swept(events: int) -> AuditEntry:
    """The entry on a sweep of the event log."""
    return AuditEntry(START, Actor(ActorKind.SERVER, "test"), Action.RETENTION_SWEPT, details={"events": events})


def deleted(gone: SubjectDeletion) -> AuditEntry:
    """The entry on the deletion of subject S-1."""
    return deletion_entry(OFFICER, START, "S-1", gone.order_ids, probes=gone.probes)
