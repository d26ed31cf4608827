"""The terms of orders from one run to the next: right whatever happened between, and no help to who means harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from structlog.testing import capture_logs

from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.agencies import Agency
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.order_terms import OrderTerms, TermsReader
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.reading import MarkedFile
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, order, subject

CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
LAW = {"sites.time_zone": "WIB"}
MARCH = datetime(2026, 3, 1, 5, tzinfo=UTC)
KEYS = [f"S-{number}" for number in range(12)]


class Runs:
    """A server that is started again and again on one database."""

    def __init__(self, database: Database, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        keys = keyring(database)
        self.store = WatchlistStore(database, keys)
        self.file = TermsFile(file, keys, LAW)
        self.asked: list[str] = []
        read = self.store.marked_orders_of

        def reading(keys: Collection[str]) -> list[MarkedFile]:
            self.asked.extend(keys)
            return read(keys)

        monkeypatch.setattr(self.store, "marked_orders_of", reading)
        for key in KEYS:
            self.put(key)

    def put(self, key: str, **facts: object) -> None:
        self.store.put(subject(key), order(f"O-{key}", subject_id=key, **facts))

    def start(self, checkpoints: Checkpoints = CHECKPOINTS) -> tuple[OrderTerms, list[str]]:
        """Read the terms as a server that starts, keep them; return them, and whose orders were read for it."""
        self.asked.clear()
        reader = TermsReader(self.store, checkpoints, self.file)
        terms = reader.read()
        asked = sorted(self.asked)
        reader.keep()
        return terms, asked

    def same_as_census(self, terms: OrderTerms) -> bool:
        fresh = TermsReader(self.store, CHECKPOINTS).read()
        moments = [MARCH + timedelta(days=days) for days in (-90, 0, 1, 100, 200, 400)]
        return (terms.version, terms.subjects.tolist(), terms.ends.tolist(), terms.unreadable) == (
            fresh.version,
            fresh.subjects.tolist(),
            fresh.ends.tolist(),
            fresh.unreadable,
        ) and [terms.active(one) for one in moments] == [fresh.active(one) for one in moments]

    def execute(self, statement: str, **values: object) -> None:
        with self.database.engine.begin() as connection:
            connection.execute(sqlalchemy.text(statement), values)


@pytest.fixture
def runs(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(database, tmp_path / "order_terms.sealed", monkeypatch)


def test_a_second_start_reads_nobody_and_knows_the_same(runs: Runs) -> None:
    assert runs.start()[1] == sorted(KEYS)
    terms, asked = runs.start()
    assert asked == []
    assert runs.same_as_census(terms)
    assert (terms.active(MARCH), len(terms.subjects)) == (12, 12)


def test_whoever_changed_while_no_server_ran_is_read(runs: Runs) -> None:
    runs.start()
    runs.put("S-3", revoked_at=MARCH)
    runs.put("S-new")
    runs.store.delete_subject("S-5", deleted)
    runs.store.put(
        subject("S-7"), order("X-S-7", subject_id="S-7", valid_until=datetime(2026, 4, 1, tzinfo=UTC).date())
    )
    terms, asked = runs.start()
    assert asked == ["S-3", "S-7", "S-new"]
    assert runs.same_as_census(terms)
    assert terms.active(MARCH) == 11
    assert runs.start()[1] == []


@pytest.mark.both_databases
def test_it_follows_what_changes_while_it_runs_and_writes_only_then(runs: Runs) -> None:
    runs.start()
    reader = TermsReader(runs.store, CHECKPOINTS, runs.file)
    reader.read()
    reader.keep()
    runs.put("S-1", revoked_at=MARCH)
    reader.read()
    reader.keep()
    written = runs.file.file.stat().st_mtime_ns
    reader.read()
    reader.keep()
    assert runs.file.file.stat().st_mtime_ns == written
    terms, asked = runs.start()
    assert asked == []
    assert terms.active(MARCH) == 11
    assert runs.same_as_census(terms)


def test_urgent_and_damaged_orders_are_read_at_each_start(runs: Runs) -> None:
    runs.put("S-2", urgent=True)
    runs.execute("UPDATE ban_order SET facts = :f WHERE order_id = 'O-S-4'", f=b"x")
    runs.start()
    terms, asked = runs.start()
    assert asked == ["S-2", "S-4"]
    assert terms.unreadable == 1
    assert runs.same_as_census(terms)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(bytes([*file.read_bytes()[:-20], 1, *file.read_bytes()[-19:]])),
        lambda file: file.write_bytes(os.urandom(5000)),
    ],
)
def test_a_file_that_is_not_whole_is_not_used(runs: Runs, spoil: Callable[[Path], object]) -> None:
    runs.start()
    spoil(runs.file.file)
    with capture_logs() as logs:
        terms, asked = runs.start()
    assert asked == sorted(KEYS)
    assert runs.same_as_census(terms)
    assert [entry["event"] for entry in logs] == ["kept_terms_unused"]
    assert runs.start()[1] == []


def test_other_law_and_other_code_are_not_taken_for_these(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.start()
    strict = Checkpoints(Law.of(LegalParameters(cegah_months=1)), {"batam-center": WIB})
    terms, asked = runs.start(strict)
    assert asked == sorted(KEYS)
    assert terms.active(MARCH) == 0, "orders of more than a month have ended"
    assert runs.start()[1] == sorted(KEYS)
    agencies = Law().agencies.changed([Agency("X", "Yang lain")], ())
    other = Checkpoints(replace(Law(), agencies=agencies), CHECKPOINTS.zones)
    assert runs.start(other)[1] == sorted(KEYS)
    assert runs.start(replace(other, law=replace(other.law)))[1] == [], "an equal law is the same one"
    runs.file.settings = {"sites.time_zone": "WITA"}
    assert runs.start(other)[1] == sorted(KEYS)
    monkeypatch.setattr("cekalwatch.server.gallery.kept_terms._program", lambda: "another version")
    assert runs.start()[1] == sorted(KEYS)


def test_a_file_of_another_database_does_not_open(runs: Runs, tmp_path: Path) -> None:
    runs.start()
    with_other_keys = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    with_other_keys.upgrade()
    other: Keyring = keyring(with_other_keys)
    assert TermsFile(runs.file.file, other, LAW).read(Law()) is None
    with_other_keys.close()


def test_an_old_file_revives_and_hides_nobody(runs: Runs) -> None:
    runs.start()
    old = runs.file.file.read_bytes()
    runs.put("S-3", revoked_at=MARCH)
    runs.put("S-new")
    runs.start()
    runs.file.file.write_bytes(old)
    terms, asked = runs.start()
    assert asked == ["S-3", "S-new"]
    assert runs.same_as_census(terms)
    assert terms.active(MARCH) == 12


def test_a_row_that_is_put_back_with_an_old_file_is_refused(runs: Runs) -> None:
    runs.put("S-3", revoked_at=MARCH - timedelta(days=1))
    runs.put("S-3")  # in force again: a changed row, whose newest version is remembered
    terms, _ = runs.start()
    assert terms.active(MARCH) == 12
    old = runs.file.file.read_bytes()
    query = "SELECT revoked_at, row_version, mac, content_hash, facts FROM ban_order WHERE order_id = 'O-S-3'"
    with runs.database.engine.begin() as connection:
        row = dict(connection.execute(sqlalchemy.text(query)).mappings().one())
    runs.put("S-3", revoked_at=MARCH)
    assert runs.start()[0].active(MARCH) == 11
    runs.execute(
        "UPDATE ban_order SET revoked_at = :revoked_at, row_version = :row_version, mac = :mac, "
        "content_hash = :content_hash, facts = :facts WHERE order_id = 'O-S-3'",
        **{str(name): value for name, value in row.items()},
    )
    runs.file.file.write_bytes(old)
    terms, asked = runs.start()
    assert asked == ["S-3"], "its version is older than the newest that was seen"
    assert terms.unreadable == 1
    assert terms.searched(MARCH) == 11


def test_a_version_that_is_no_number_is_refused_and_harms_nobody_else(runs: Runs) -> None:
    if runs.database.is_shared:
        pytest.skip("PostgreSQL takes numbers only")
    runs.put("S-3", revoked_at=MARCH - timedelta(days=1))
    runs.put("S-3")
    runs.start()
    runs.execute("UPDATE ban_order SET row_version = 'x' WHERE order_id IN ('O-S-3', 'O-S-4')")
    terms, asked = runs.start()
    assert asked == ["S-3", "S-4"]
    assert (terms.unreadable, terms.searched(MARCH)) == (2, 10)


def test_nothing_in_it_can_be_read_and_who_is_erased_leaves_it(runs: Runs) -> None:
    runs.start()
    held = runs.file.read(Law())
    assert held is not None
    mark = dict(runs.store.marks())["S-5"]
    assert mark in held.places
    content = runs.file.file.read_bytes()
    for secret in (b"S-5", b"O-S-5", mark, subject("S-5").name.encode(), held.terms[0].tobytes()):
        assert secret not in content
    assert runs.file.file.stat().st_mode & 0o777 == 0o600
    runs.store.delete_subject("S-5", deleted)
    runs.start()
    held = runs.file.read(Law())
    assert held is not None
    assert mark not in held.places
    assert len(held.places) == 11


def test_a_folder_that_takes_no_file_is_told_once_and_harms_nothing(runs: Runs) -> None:
    runs.file.file = runs.file.file.parent / "missing" / "order_terms.sealed"
    with capture_logs() as logs:
        assert runs.same_as_census(runs.start()[0])
        assert runs.same_as_census(runs.start()[0])
    assert [entry["event"] for entry in logs] == ["kept_terms_not_written"]
