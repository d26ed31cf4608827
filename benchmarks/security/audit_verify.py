"""How long `audit verify` takes for a million entries, as a process of its own with its progress bar, and a search.

    python -m benchmarks.security.audit_verify

The trail is in SQLite: entries of all lengths up to a page of subjects, 250 bytes on average, and a checkpoint each
thousand.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
from sqlalchemy import insert, update

from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.entry import GENESIS, Action, Actor, ActorKind, AuditEntry, Link, ObjectKind, link, stamp
from cekalwatch.server.audit.search_terms import action_term, index_rows, moment_of, outcome_term
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.storage.audit.tables import AuditCheckpointRow, AuditEntryRow, AuditHeadRow
from cekalwatch.server.storage.database import Database

ENTRIES = 1_000_000
BATCH = 1000


def links() -> Iterator[Link]:
    """Give a chain of ENTRIES: deliveries to agents, views, and now and then a page of a hundred subjects."""
    start, previous = datetime(2026, 1, 1, tzinfo=UTC), GENESIS
    agent, officer = Actor(ActorKind.AGENT, "counter-d1"), Actor(ActorKind.CLIENT, "127.0.0.1")
    for number in range(1, ENTRIES + 1):
        page = number % 100 == 0
        entry = AuditEntry(
            start + timedelta(seconds=number),
            officer if page else agent,
            Action.SUBJECTS_LISTED if page else Action.ALERT_DELIVERED,
            tuple(ObjectKind.SUBJECT.key(f"S-{number + other}") for other in range(100 if page else 3)),
            details={"event": number},
        )
        one = link(entry, number, previous)
        previous = one.hash
        yield one


def fill(database: Database, folder: Path) -> None:
    """Write the trail, its index and checkpoints, without the hurry of a server that must commit each entry."""
    database.upgrade()
    index = array("q")
    ledger = CheckpointLedger(folder / "audit_ledger.sqlite3")
    ledger.begin()
    key, number = SigningKey.load_or_create(folder / "audit_key.pem"), 0
    chain = links()
    with database.engine.begin() as connection:
        while batch := list(islice(chain, BATCH)):
            connection.execute(insert(AuditEntryRow), [one._asdict() for one in batch])
            for one in batch:
                for row in index_rows(one):
                    index.extend(row)
            last = batch[-1]
            number += 1
            signed = key.sign(number, last.sequence, last.hash, stamp(datetime(2026, 1, 2, tzinfo=UTC)))
            connection.execute(insert(AuditCheckpointRow), [signed.__dict__])
            ledger.follow(signed)
            connection.execute(update(AuditHeadRow).values(sequence=last.sequence, hash=last.hash))
        rows = np.asarray(index).reshape(-1, 3)
        for part in np.array_split(rows[np.lexsort(rows.T[::-1])], 1000):
            connection.exec_driver_sql("INSERT INTO audit_index VALUES (?, ?, ?)", list(map(tuple, part.tolist())))


def search(database: Database) -> float:
    """Return the milliseconds of the 95th of 100 pages of the kinds that the console asks for."""
    many, rare = "agent:counter-d1", ObjectKind.SUBJECT.key("S-500000")
    delivered, listed = action_term(Action.ALERT_DELIVERED), action_term(Action.SUBJECTS_LISTED)
    of_a_day = (moment_of("2026-01-05T00:00:00Z"), moment_of("2026-01-06T00:00:00Z"))
    queries = [
        AuditQuery(),
        AuditQuery((many,)),
        AuditQuery((rare,)),
        AuditQuery((listed,)),
        AuditQuery((many, listed)),  # none has both
        AuditQuery((many, delivered), *of_a_day),
        AuditQuery((outcome_term("OK"), rare)),
    ]
    times = []
    for number in range(100):
        begun = time.perf_counter()
        AuditSearch(database).page(queries[number % len(queries)], 50)
        times.append(time.perf_counter() - begun)
    return 1000 * sorted(times)[94]


def measure() -> dict[str, float]:
    """Return the seconds of `audit verify` and the milliseconds of a page; RuntimeError when it is not whole."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with closing(Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")) as database:
            fill(database, folder)
            search_ms = search(database)
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
        return {"security.audit_verify_1m_s": round(seconds, 1), "security.audit_search_1m_p95_ms": round(search_ms, 1)}


if __name__ == "__main__":
    print(measure())
