"""Look-alikes as list managers go through them, and what an officer is told of one at an alert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.watchlist import Lookalike, LookalikeJudgement
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.index import GalleryBuilder
from cekalwatch.server.gallery.lookalikes import LoadedList, LookalikeFinder, LookalikePairs
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.grpc_api.servicers.watchlist import subjects as convert
from cekalwatch.server.storage.database import Database
from cekalwatch.server.watchlist.lookalikes import LookalikeReview, Place
from tests.support.builders.watchlist import MODEL, SIZE, FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter

NOT_JUDGED, SAME_PERSON, DIFFERENT_PEOPLE = LookalikeJudgement
AXES = np.eye(SIZE, dtype=np.float32)
LIKENESS = {"S-1": 0.0, "S-2": 0.9, "S-3": 0.8, "S-4": 0.7}
"""How far each leans towards the face of S-1, which all of them are like; S-5 is like nobody."""


@dataclass
class Office:
    """A list of five, and who looks at it."""

    counter: Counter
    threshold: float = 0.65
    loaded: LoadedList = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.counter.watchlist
        for place, (key, cosine) in enumerate(LIKENESS.items()):
            template = np.sqrt(1 - cosine**2) * AXES[place] + cosine * AXES[0]
            self.store.put(
                subject(key, name=f"Contoh {key}"),
                order(f"O-{key}", subject_id=key),
                [reference(key.encode(), template=np.asarray(template, dtype=np.float32))],
            )
        self.store.put(subject("S-5"), order("O-S-5", subject_id="S-5"), [reference(b"S-5", direction=7)])
        builder = GalleryBuilder(MODEL, SIZE, GalleryStorage.FLOAT32)
        state = self.store.templates.load(MODEL, SIZE, lambda piece: builder.add(piece.templates, piece.subject_ids))
        self.loaded = LoadedList(builder.gallery(), state.version)
        finder = LookalikeFinder(lambda: self.loaded, lambda _: self.threshold)
        self.pairs = LookalikePairs(lambda: self.loaded, lambda _: self.threshold, self.store.changed_since)
        self.pairs.round()
        clock = self.counter.clock
        self.review = LookalikeReview(self.store, self.counter.people, finder, self.pairs, clock)
        self.lina = self.counter.hire("lina", PersonRole.LIST_MANAGER)

    def judge(self, other: str, judgement: LookalikeJudgement, one: str = "S-1") -> Lookalike:
        pair = SubjectPair.of(one, other)
        mark = self.store.lookalikes.states([pair])[pair].mark
        return self.review.judge(pair, judgement, mark, self.lina.person, self.lina.actor)

    def listed(self, judgement: LookalikeJudgement | None = None) -> list[tuple[str, str]]:
        """The pairs of the first page."""
        found = self.review.page(judgement, None, 10).pairs
        return [(one.first.subject_id, one.second.subject_id) for one in found]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield Office(Counter(database, FixedClock()))
    database.close()


def test_pairs_come_by_likeness_and_leave_what_is_to_do_when_they_are_judged(office: Office) -> None:
    everything = [("S-1", "S-2"), ("S-1", "S-3"), ("S-2", "S-3"), ("S-1", "S-4")]
    assert office.listed() == office.listed(NOT_JUDGED) == everything
    found = office.judge("S-3", DIFFERENT_PEOPLE)
    assert (found.judgement, found.judged_by, found.alike) == (DIFFERENT_PEOPLE, "Petugas lina", True)
    assert found.likeness == pytest.approx(0.8, abs=1e-3)
    assert office.listed(NOT_JUDGED) == [pair for pair in everything if pair != ("S-1", "S-3")]
    assert office.listed(DIFFERENT_PEOPLE) == [("S-1", "S-3")]
    assert office.listed(SAME_PERSON) == []
    (beside, *_) = office.review.of_subject("S-3", ())
    assert (beside.subject_id, beside.judgement) == ("S-1", DIFFERENT_PEOPLE)


def test_pages_follow_one_another_and_a_token_of_nobody_is_refused(office: Office) -> None:
    found: list[tuple[str, str]] = []
    after: Place | None = None
    while True:
        answer = convert.lookalike_page(office.review.page(None, after, 1))
        found += [(one.first.subject_id, one.second.subject_id) for one in answer.pairs]
        if not answer.next_page_token:
            break
        after = convert.place(answer.next_page_token)
    assert found == office.listed()
    for token in ("x", "eyJ9", "WzEsMl0=", "W05hTiwiYSIsImIiXQ==", "A" * 2000):
        with pytest.raises(CekalwatchError) as refused:
            convert.place(token)
        assert refused.value.code is Code.PAGE_TOKEN_INVALID


def test_only_who_is_alike_is_judged_and_what_was_found_can_be_taken_back(office: Office) -> None:
    for other in ("S-5", "S-9"):
        with pytest.raises(CekalwatchError) as refused:
            office.judge(other, SAME_PERSON)
        assert refused.value.code is Code.NOT_LOOKALIKES
    office.judge("S-4", SAME_PERSON)
    office.threshold = 0.75
    assert office.listed(SAME_PERSON) == [("S-1", "S-4")], "it stays in sight"
    with pytest.raises(CekalwatchError):
        office.judge("S-4", DIFFERENT_PEOPLE)
    office.judge("S-4", NOT_JUDGED)
    assert ("S-1", "S-4") not in office.listed()


def test_an_officer_is_told_of_others_who_have_an_order_and_of_nobody_else(office: Office) -> None:
    alert_id = office.counter.raise_alert()

    def told() -> dict[str, LookalikeJudgement | None]:
        candidate = office.counter.details.get(alert_id).whole.candidates[0]
        assert candidate.subject_id == "S-1"
        return {one.subject_id: one.judgement for one in candidate.lookalikes}

    assert told() == {}
    for other, judgement in (("S-2", SAME_PERSON), ("S-3", DIFFERENT_PEOPLE)):
        office.judge(other, judgement)
    assert told() == {"S-2": SAME_PERSON, "S-3": DIFFERENT_PEOPLE}
    ended = order("O-S-3", subject_id="S-3", valid_from=date(2025, 1, 1), valid_until=date(2025, 6, 30))
    office.store.put(subject("S-3"), ended)
    assert told() == {"S-2": SAME_PERSON}, "whose order has ended is nobody's business"
    office.store.put(subject("S-2"), order("O-S-2", subject_id="S-2"), [reference(b"another", direction=6)])
    assert told() == {}, "with another photograph it is open again"
