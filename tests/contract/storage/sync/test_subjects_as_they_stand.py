"""A source that tells of subjects, not of orders: what it does not say of one has left it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.storage.database import Database
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.sources.source import (
    DeletedSubject,
    OfferedOrder,
    Reading,
    SourceItem,
    SourcePage,
    WithdrawnOthers,
)
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.sync import SyncBench


@dataclass
class SubjectSource:
    """Gives the items that a test has put into it, as changes after the first reading."""

    name: str = "subjects"
    pages: list[list[SourceItem]] = field(default_factory=list)
    whole: bool = True

    def says(self, *pages: list[SourceItem]) -> None:
        self.pages = list(pages)

    def read(self, cursor: str) -> Reading:
        """See `WatchlistSource`."""
        pages = [SourcePage(tuple(items), f"{number}") for number, items in enumerate(self.pages)]
        return Reading(not cursor, None, iter(pages))

    def close(self) -> None:
        """See `WatchlistSource`."""


def stands(person: str, *keys: str) -> list[SourceItem]:
    """All that the source has of a person."""

    def offered(key: str) -> OfferedOrder:
        record = ImportRecord(subject(person), order(key, subject_id=person))
        return OfferedOrder(key, person, f"{person} {key}", lambda: record)

    return [*map(offered, keys), WithdrawnOthers(person, frozenset(keys))]


@pytest.fixture
def bench(database: Database) -> SyncBench[SubjectSource]:
    return SyncBench(database, SubjectSource())


def standing(bench: SyncBench[SubjectSource]) -> dict[str, str]:
    """The subject of each order that stands, by key."""
    return {
        one.order_id: one.subject_id
        for file in bench.watchlist.list_subjects("", 1000)
        for one in file.orders
        if one.withdrawn_at is None
    }


def test_what_is_not_said_of_a_subject_any_more_is_ended(bench: SyncBench[SubjectSource]) -> None:
    bench.source.says([*stands("S-1", "O-1", "O-2"), *stands("S-2", "O-3")])
    assert bench.done().counts.added == 3
    bench.source.says([*stands("S-1", "O-2"), *stands("S-2")])
    run = bench.done()
    assert (run.whole, run.counts.read, run.counts.unchanged, run.counts.ended) == (False, 3, 1, 2)
    assert standing(bench) == {"O-2": "S-1"}


@pytest.mark.parametrize("pages", ["one page", "two pages"])
@pytest.mark.parametrize("first", ["S-1", "S-2"])
def test_an_order_that_goes_to_another_subject_stands(bench: SyncBench[SubjectSource], first: str, pages: str) -> None:
    bench.source.says(stands("S-1", "O-1"))
    bench.done()
    said = {"S-1": stands("S-1"), "S-2": stands("S-2", "O-1")}
    one, other = said.pop(first), next(iter(said.values()))
    bench.source.says(*([[*one, *other]] if pages == "one page" else [one, other]))
    assert bench.done().counts.ended == 0
    assert standing(bench) == {"O-1": "S-2"}


@pytest.mark.parametrize("pages", ["one page", "two pages"])
def test_of_a_subject_that_comes_twice_the_later_word_counts(bench: SyncBench[SubjectSource], pages: str) -> None:
    before, after = stands("S-1", "O-1", "O-2"), stands("S-1", "O-2")
    bench.source.says(*([[*before, *after]] if pages == "one page" else [before, after]))
    bench.done()
    assert standing(bench) == {"O-2": "S-1"}


def test_a_list_of_subjects_that_suddenly_has_none_waits_for_people(bench: SyncBench[SubjectSource]) -> None:
    keys = [f"O-{number}" for number in range(5)]
    bench.source.says([item for key in keys for item in stands(f"S-{key}", key)])
    bench.done()
    bench.source.says([item for key in keys for item in stands(f"S-{key}")])
    assert bench.run().outcome is SyncOutcome.SHRUNK
    assert len(standing(bench)) == 5


def held(bench: SyncBench[SubjectSource]) -> set[str]:
    return {file.subject.subject_id for file in bench.watchlist.list_subjects("", 1000)}


@pytest.mark.both_databases
def test_who_is_deleted_at_the_source_is_deleted_here_and_comes_back_with_an_order(
    bench: SyncBench[SubjectSource],
) -> None:
    bench.source.says([*stands("S-1", "O-1"), *stands("S-2", "O-2")])
    bench.done()
    bench.source.says([DeletedSubject("S-1"), *stands("S-2")])
    run = bench.done()
    assert (run.counts.read, run.counts.ended) == (2, 2)
    assert held(bench) == {"S-2"}, "whose order ended only is kept until its time"
    bench.source.says(stands("S-1", "O-1"))
    assert bench.done().counts.added == 1
    assert standing(bench) == {"O-1": "S-1"}
    bench.source.says([DeletedSubject("S-1")], stands("S-1", "O-1"))
    bench.done()
    assert standing(bench) == {"O-1": "S-1"}, "the later word counts"


def test_nobody_is_deleted_while_a_shrunken_list_waits_for_two_people(bench: SyncBench[SubjectSource]) -> None:
    keys = [f"O-{number}" for number in range(5)]
    bench.source.says([item for key in keys for item in stands(f"S-{key}", key)])
    bench.done()
    bench.source.says([DeletedSubject(f"S-{key}") for key in keys])
    assert bench.run().outcome is SyncOutcome.SHRUNK
    assert held(bench) == {f"S-{key}" for key in keys}
