"""What the judgements of look-alikes promise, on every kind of database."""

from __future__ import annotations

import pytest
import sqlalchemy

from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.lookalikes import LINA, NOON, judge
from tests.support.builders.watchlist import order, reference, subject

PAIR, OTHER = SubjectPair.of("S-2", "S-1"), SubjectPair.of("S-3", "S-1")
NOT_JUDGED, SAME_PERSON, DIFFERENT_PEOPLE = LookalikeJudgement


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    """Three subjects with a photograph each."""
    store = WatchlistStore(database, keyring(database))
    for number in (1, 2, 3):
        listed = order(f"O-{number}", subject_id=f"S-{number}")
        store.put(subject(f"S-{number}"), listed, [reference(b"photograph %d" % number)])
    return store


def judged(store: WatchlistStore) -> dict[SubjectPair, LookalikeJudgement]:
    return {one.pair: one.judgement for one in store.lookalikes.everything() if one.holds}


def test_what_was_found_last_holds_with_who_found_it_and_is_on_record(
    database: Database, store: WatchlistStore
) -> None:
    assert store.lookalikes.states([PAIR])[PAIR].judgement is NOT_JUDGED
    judge(store, PAIR)
    judge(store, OTHER, SAME_PERSON)
    judge(store, PAIR, SAME_PERSON)
    state = store.lookalikes.states([PAIR])[PAIR]
    assert state.judged is not None
    assert (state.judgement, state.judged.judged_by, state.judged.judged_at) == (SAME_PERSON, LINA, NOON)
    assert [one.pair for one in store.lookalikes.of(["S-2"])] == [PAIR]
    assert [one.pair for one in store.lookalikes.of(["S-1", "S-3"])] == [PAIR, OTHER]
    judge(store, PAIR, NOT_JUDGED)
    assert judged(store) == {OTHER: SAME_PERSON}
    assert [link.action for link in AuditStore(database).links()].count(Action.LOOKALIKES_JUDGED) == 4


def test_another_photograph_of_either_opens_the_pair_again(store: WatchlistStore) -> None:
    judge(store, PAIR)
    store.put(subject("S-1"), order("O-1", decree_number="2"), [reference(b"photograph 1")])
    assert judged(store) == {PAIR: DIFFERENT_PEOPLE}, "the same photograph once more changes nothing"
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"another", direction=1)])
    state = store.lookalikes.states([PAIR])[PAIR]
    assert state.judgement is NOT_JUDGED
    assert state.judged is not None, "what was found before is still told"
    assert state.judged.judgement is DIFFERENT_PEOPLE
    judge(store, PAIR)
    assert judged(store) == {PAIR: DIFFERENT_PEOPLE}


@pytest.mark.both_databases
def test_who_has_not_seen_how_the_pair_stands_changes_nothing(store: WatchlistStore) -> None:
    seen = store.lookalikes.states([PAIR])[PAIR].mark
    judge(store, PAIR)
    with pytest.raises(CekalwatchError) as refused:
        judge(store, PAIR, SAME_PERSON, seen)
    assert refused.value.code is Code.LOOKALIKES_CHANGED
    assert judged(store) == {PAIR: DIFFERENT_PEOPLE}
    seen = store.lookalikes.states([PAIR])[PAIR].mark
    store.put(subject("S-1"), order("O-1"), [reference(b"another", direction=1)])
    with pytest.raises(CekalwatchError) as refused:
        judge(store, PAIR, SAME_PERSON, seen)
    assert refused.value.code is Code.LOOKALIKES_CHANGED


@pytest.mark.both_databases
def test_it_goes_with_either_subject(store: WatchlistStore) -> None:
    judge(store, PAIR)
    judge(store, OTHER)
    store.delete_subject("S-2", deleted)
    assert judged(store) == {OTHER: DIFFERENT_PEOPLE}
    with pytest.raises(CekalwatchError) as refused:
        judge(store, PAIR)
    assert refused.value.code is Code.SUBJECT_NOT_FOUND
    store.delete_subject("S-1", deleted)
    assert judged(store) == {}


def test_a_row_that_somebody_else_wrote_says_nothing_and_is_mended_by_judging(
    database: Database, store: WatchlistStore
) -> None:
    judge(store, PAIR)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE lookalike_judgement SET judgement = 'SAME_PERSON'"))
    assert judged(store) == {}
    judge(store, PAIR)
    assert judged(store) == {PAIR: DIFFERENT_PEOPLE}
