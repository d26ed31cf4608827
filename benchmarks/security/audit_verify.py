"""How long `audit verify` takes for a million entries, as a process of its own with its progress bar.

    python -m benchmarks.security.audit_verify

The trail is in SQLite: entries of all lengths up to a page of subjects, 250 bytes on average, and a checkpoint each
thousand.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import insert, update

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.entry import GENESIS, Action, Actor, AuditEntry, Link, Party, Thing, link, stamp
from cekalwatch.server.storage.audit.tables import AuditCheckpointRow, AuditEntryRow, AuditHeadRow
from cekalwatch.server.storage.database import Database

ENTRIES = 1_000_000
BATCH = 1000


def links() -> Iterator[Link]:
    """Give a chain of ENTRIES: deliveries to agents, views, and now and then a page of a hundred subjects."""
    start, previous = datetime(2026, 1, 1, tzinfo=UTC), GENESIS
    agent, officer = Actor(Party.AGENT, "counter-d1"), Actor(Party.CLIENT, "127.0.0.1")
    for number in range(1, ENTRIES + 1):
        page = number % 100 == 0
        entry = AuditEntry(
            start + timedelta(seconds=number),
            officer if page else agent,
            Action.SUBJECTS_LISTED if page else Action.ALERT_DELIVERED,
            tuple(Thing.SUBJECT.key(f"S-{number + other}") for other in range(100 if page else 3)),
            details={"event": number},
        )
        one = link(entry, number, previous)
        previous = one.hash
        yield one


def fill(folder: Path) -> None:
    """Write the trail and its checkpoints, without the hurry of a server that must commit each entry."""
    database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
    database.upgrade()
    ledger = CheckpointLedger(folder / "audit_ledger.sqlite3")
    ledger.begin()
    key, number = SigningKey.load_or_create(folder / "audit_key.pem"), 0
    chain = links()
    with database.engine.begin() as connection:
        while batch := list(islice(chain, BATCH)):
            connection.execute(insert(AuditEntryRow), [one._asdict() for one in batch])
            last = batch[-1]
            number += 1
            signed = key.sign(number, last.sequence, last.hash, stamp(datetime(2026, 1, 2, tzinfo=UTC)))
            connection.execute(insert(AuditCheckpointRow), [signed.__dict__])
            ledger.follow(signed)
            connection.execute(update(AuditHeadRow).values(sequence=last.sequence, hash=last.hash))
    database.close()


def measure() -> dict[str, float]:
    """Return `security.audit_verify_1m_s`; raises RuntimeError when the trail is not found whole."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder)
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "cekalwatch.server", "audit", "verify", "--data-dir", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
        if done.returncode or f"{ENTRIES} entries" not in done.stdout:
            raise RuntimeError(f"the trail was not verified: {done.stdout}{done.stderr}")
        return {"security.audit_verify_1m_s": round(seconds, 1)}


if __name__ == "__main__":
    print(measure())
