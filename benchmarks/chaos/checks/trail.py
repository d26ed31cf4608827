"""The audit trail is whole, as `audit verify` sees it from each server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.chaos.sites.running_site import RunningSite
from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import KeptCheckpoint, SigningKey
from cekalwatch.server.audit.entry import Link
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck


def wrong(site: RunningSite) -> list[str]:
    """Say what is. Each server signs with a key of its own, and is trusted by the file to which it appends."""
    files = [server.data_dir / "audit_checkpoints.jsonl" for server in site.servers.values()]
    brought = [one for file in files if file.exists() for one in KeptCheckpoint.read(file)]
    database = site.database()
    problems = []
    try:
        for server in site.servers.values():
            key_file = server.data_dir / "audit_key.pem"
            key = SigningKey.load(key_file) if key_file.exists() else None
            ledger = CheckpointLedger(key_file.with_name("audit_ledger.sqlite3"))
            check = TrailCheck(AuditStore(database), key.public_key if key else "", ledger, brought)
            seen = f"audit trail of {site.key}, seen from {server.name}"
            problems += [f"{seen}: {problem}" for problem in check.problems(_uncounted)]
    finally:
        database.close()
    return problems


def _uncounted(links: Iterable[Link]) -> Iterator[Link]:
    yield from links
