"""Drawn lives of a source and of the server that reads it, against what a clerk would expect of the watchlist."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.store import LEASE, SyncStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.server.watchlist.sync.synchroniser import SyncStoppedError
from tests.support.builders.audit import deleted
from tests.support.scenarios.sync import MISSING, SyncBench, TestSource

pytestmark = pytest.mark.slow

KEYS = [f"O-{number}" for number in range(1, 8)]
PEOPLE = ["S-1", "S-2", "S-3"]
REASONS = ["penyidikan", "penuntutan", "piutang negara"]

Held: TypeAlias = dict[str, tuple[str, str, bool]]
"""Subject, reason, and whether it was ended for want of it at the source, by the order's key."""


class Killed(BaseException):
    """The process is gone."""


class SyncLife(RuleBasedStateMachine):
    """One watchlist, its source, and every way in which a run may end."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.database = Database(f"sqlite:///{self.folder / 'own.sqlite3'}")
        self.database.upgrade()
        # Only a list that is empty all of a sudden waits for people here.
        self.bench = SyncBench(self.database, TestSource(), SyncTerms(shrink_share=1.0, shrink_min_orders=1000))
        self.deleted = set[str]()
        """Orders of subjects that were deleted since the last whole reading."""

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.source.stray_rows = 0
            for from_start in (False, True):  # what was broken off is brought to its end first
                self.run_to_its_end(from_start=from_start)
            self.database.close()
            shutil.rmtree(self.folder)

    @property
    def source(self) -> TestSource:
        return self.bench.source

    # What happens at the source

    @rule(
        key=st.sampled_from(KEYS),
        person=st.sampled_from(PEOPLE),
        reason=st.sampled_from(REASONS),
        photographs=st.sampled_from([(), (MISSING,)]),
    )
    def put(self, key: str, person: str, reason: str, photographs: tuple[Photograph, ...]) -> None:
        self.source.put(key, person, photographs, reason=reason)

    @rule(key=st.sampled_from(KEYS))
    def spoil(self, key: str) -> None:
        self.source.spoil(key)

    @rule(key=st.sampled_from(KEYS))
    def drop(self, key: str) -> None:
        if key in self.source.records:
            self.source.drop(key)

    @rule(deltas=st.booleans(), says_how_many=st.booleans(), page_size=st.integers(1, 4), strays=st.integers(0, 1))
    def change_its_ways(self, *, deltas: bool, says_how_many: bool, page_size: int, strays: int) -> None:
        self.source.deltas, self.source.says_how_many = deltas, says_how_many
        self.source.page_size, self.source.stray_rows = page_size, strays

    @rule()
    def forget_the_place(self) -> None:
        self.source.forgetful = True

    # What happens at the server

    @rule(person=st.sampled_from(PEOPLE))
    def delete(self, person: str) -> None:
        gone = {key for key, (subject_id, *_) in self.held().items() if subject_id == person}
        if gone:
            self.bench.watchlist.delete_subject(person, deleted)
            self.deleted |= gone

    @rule(from_start=st.booleans())
    def run_to_its_end(self, *, from_start: bool) -> None:
        before = self.held()
        run = self.bench.run(from_start=from_start)
        self.check(before, run)

    @rule(pages=st.integers(0, 3))
    def run_while_the_source_goes_away(self, pages: int) -> None:
        before = self.held()
        self.source.breaks_after = pages
        self.check(before, self.bench.run())
        self.source.breaks_after = None

    @rule(hides=st.integers(1, 2))
    def run_while_the_source_leaves_some_out(self, hides: int) -> None:
        if self.bench.store.state().reading_open:
            return  # what has left and what has come since it began may make up for what is left out
        before = self.held()
        self.source.hides, self.source.says_how_many = min(hides, len(self.source.records)), True
        run = self.bench.run()
        if run.whole and self.source.hides:
            assert run.outcome is SyncOutcome.FAILED
        self.source.hides = 0
        self.check(before, run)

    @rule(calls=st.integers(0, 10))
    def run_while_the_server_stops(self, calls: int) -> None:
        before = self.held()
        self.bench.give_way = countdown(calls, SyncStoppedError())
        self.check(before, self.bench.run())
        self.bench.give_way = lambda: None

    @rule(
        where=st.sampled_from(
            [(ImportRun, "store"), (SyncStore, "advance"), (SyncStore, "withdraw"), (SyncStore, "finish")]
        ),
        calls=st.integers(0, 6),
        after=st.booleans(),
    )
    def run_while_the_server_is_killed(self, where: tuple[type, str], calls: int, *, after: bool) -> None:
        before = self.held()
        method, count = getattr(*where), countdown(calls, Killed())

        def dies(*arguments: Any, **named: Any) -> Any:
            if not after:
                count()
            result = method(*arguments, **named)
            if after:
                count()
            return result

        with patch.object(*where, dies):
            try:
                run = self.bench.run()
            except Killed:
                run = None
        if run:
            self.check(before, run)
            return
        self.bench.clock.advance(LEASE)
        for key, found in self.held().items():
            assert found in (before.get(key), self.wanted(key), ended(before.get(key))), key

    # What must be so

    def check(self, before: Held, run: SyncRun) -> None:
        after = self.held()
        for key in {*before, *after, *self.source.records}:
            was, found, wanted = before.get(key), after.get(key), self.wanted(key)
            if isinstance(self.source.records.get(key), ImportRecord):
                exact = run.outcome in {SyncOutcome.DONE, SyncOutcome.SHRUNK} and not run.resumed
                forgotten = key in self.deleted and not run.whole
                assert found == wanted or (found == was and (forgotten or not exact)), (key, was, found, run)
            elif key in self.source.records:
                assert found == was, (key, was, found, run)
            else:
                exact = run.outcome is SyncOutcome.DONE and not run.resumed and not self.source.stray_rows
                assert found == ended(was) or (found == was and not exact), (key, was, found, run)
        if run.outcome is SyncOutcome.SHRUNK:
            assert not self.source.records
        if run.outcome is SyncOutcome.FAILED:
            assert run.reason in {Code.SOURCE_UNAVAILABLE, Code.SOURCE_INCOMPLETE, Code.SOURCE_UNREADABLE}
            ends = {key for key, found in after.items() if found[2]} - {key for key, was in before.items() if was[2]}
            assert not ends
        if run.outcome is SyncOutcome.DONE and run.whole:
            self.deleted.clear()

    def held(self) -> Held:
        return {
            one.order_id: (file.subject.subject_id, one.reason, bool(one.withdrawn_at))
            for file in self.bench.watchlist.list_subjects("", 100)
            for one in file.orders
        }

    def wanted(self, key: str) -> tuple[str, str, bool] | None:
        record = self.source.records.get(key)
        return (record.subject.subject_id, record.order.reason, False) if isinstance(record, ImportRecord) else None


def ended(held: tuple[str, str, bool] | None) -> tuple[str, str, bool] | None:
    return (*held[:2], True) if held else None


def countdown(calls: int, error: BaseException) -> Callable[[], None]:
    """Return what raises after so many calls that do nothing."""
    left = calls

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error

    return count


class TestSyncLife(SyncLife.TestCase):  # type: ignore[misc, valid-type]  # made at run time
    settings = settings(max_examples=10, stateful_step_count=25)


@pytest.mark.exhaustive
class TestMoreSyncLives(SyncLife.TestCase):  # type: ignore[misc, valid-type]  # made at run time
    """More of what `TestSyncLife` draws."""

    settings = settings(max_examples=25, stateful_step_count=25)
