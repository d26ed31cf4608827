"""Who joins which alert (rules 3 to 5): an innocent is stopped once, and nobody is buried by a look-alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
import sqlalchemy

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.match import Match, Told
from cekalwatch.server.storage.alerts.reading import MAX_COMPARED, AlertPassages
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import ELSEWHERE, NOON, capture, face, match
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter, contact

E = AlertEventType
WINDOW = timedelta(minutes=10)
LOOK_ALIKE = face(0.65)
"""More like the listed person than the threshold of likeness asks for; who passes is more like their own photograph."""


def passes(counter: Counter, passage: str, **changes: object) -> UUID:
    """Let a passage match, and return its alert; `after` is when, in seconds since noon."""
    after = timedelta(seconds=float(changes.pop("after", 0.0)))  # type: ignore[arg-type]
    found = match(capture(passage=passage, at=NOON + after), **changes)  # type: ignore[arg-type]
    return joins(counter, found)


def joins(counter: Counter, found: Match) -> UUID:
    event = counter.alerts.record(found, WINDOW, counter.clock.now())
    assert event is not None
    return event.alert_id


def not_the_same(counter: Counter, alert_id: UUID, who: ActingPerson) -> Alert:
    if counter.alerts.get(alert_id).state is AlertState.NEW:
        counter.claim(alert_id, who)
    return counter.judge(alert_id, who, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)


def test_the_real_person_behind_a_look_alike_gets_an_alert_of_their_own(counter: Counter, budi: ActingPerson):
    false = passes(counter, "1", template=LOOK_ALIKE, score=0.62)
    real = passes(counter, "2", after=120, score=0.7)
    assert real != false
    assert not_the_same(counter, false, budi).state is AlertState.CLEARED
    assert passes(counter, "2", after=121, score=0.72) == real
    assert counter.alerts.get(real).state is AlertState.NEW


def test_the_real_person_after_a_cleared_look_alike_gets_an_alert_of_their_own(counter: Counter, budi: ActingPerson):
    false = passes(counter, "1", template=LOOK_ALIKE, score=0.62)
    not_the_same(counter, false, budi)
    assert passes(counter, "2", after=120, score=0.7) != false


def test_a_look_alike_after_the_real_person_does_not_join_their_alert(counter: Counter):
    real = passes(counter, "1", score=0.8)
    assert passes(counter, "2", template=face(0.55), score=0.5, after=60) != real


def test_a_sibling_never_joins_the_real_persons_alert_whoever_comes_first(counter: Counter, budi: ActingPerson):
    sister, her_score, real_score = face(0.68), 0.62, 0.8
    first = passes(counter, "1", template=sister, score=her_score)
    assert passes(counter, "2", after=60, score=real_score) != first
    real = passes(counter, "3", after=3600, score=real_score)
    assert passes(counter, "4", after=3660, template=sister, score=her_score) != real
    assert not_the_same(counter, real, budi).state is AlertState.CLEARED
    assert passes(counter, "5", after=3720, template=sister, score=her_score) != real, "nor once it is cleared"


def test_an_innocent_is_stopped_once_not_at_each_counter(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1")
    cleared = not_the_same(counter, alert_id, budi)
    assert passes(counter, "2", after=60, template=face(0.9)) == alert_id
    counter.adjudicator.close(alert_id, budi, cleared.version)
    assert passes(counter, "3", after=120, template=face(0.9)) == alert_id, "closed by now"
    alert = counter.alerts.get(alert_id)
    assert (alert.version, alert.state, len(alert.sightings)) == (cleared.version + 1, AlertState.CLOSED, 3)


@pytest.mark.both_databases
def test_a_face_is_compared_with_the_newest_passages_of_an_alert_and_always_with_its_own(
    counter: Counter, clock: FixedClock
):
    alert_id = passes(counter, "first")
    for number in range(MAX_COMPARED):
        clock.advance(timedelta(seconds=1))
        assert passes(counter, str(number), after=number) == alert_id
    newest = set(map(str, range(MAX_COMPARED)))
    assert compared_with(counter, "another") == newest
    assert compared_with(counter, "first") == {"first", *newest}


def compared_with(counter: Counter, passage: str) -> set[str]:
    found = match(capture(passage=passage, at=NOON + timedelta(minutes=1)))
    with counter.database.session() as session:
        (near,) = AlertPassages(keyring(counter.database)).near(session, found, WINDOW)
    return {one.passage.rpartition("/")[2] for one in near.passages}


@pytest.mark.parametrize("passage", ["1", "2"])
@pytest.mark.parametrize("reason", [Reason.TRAVELLER_GONE, Reason.OTHER])
def test_who_was_let_go_without_being_found_to_be_another_alerts_when_they_come_back(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, reason: Reason, passage: str
):
    gone = passes(counter, "1")
    counter.claim(gone, budi)
    counter.judge(gone, budi, Outcome.CANNOT_DETERMINE, Reason.TRAVELLER_GONE)
    counter.clear(gone, siti, reason)
    back = passes(counter, passage, after=180)
    assert back != gone
    assert counter.events(back) == [E.RAISED]
    assert counter.alerts.probe(back) == b"probe"


@pytest.mark.parametrize("passage", ["1", "2"])
def test_whose_alert_was_cleared_for_an_ended_order_alerts_when_it_is_back(
    counter: Counter, budi: ActingPerson, passage: str
):
    alert_id = passes(counter, "1")
    counter.watchlist.put(subject(), order(revoked_at=NOON), [])
    counter.order_watch.look()
    counter.clear(alert_id, budi)
    counter.list_subject()
    again = passes(counter, passage, after=180)
    assert counter.events(again) == [E.RAISED]
    assert passes(counter, passage, after=181) == again


def test_who_is_not_listed_in_cekal_online_is_not_stopped_again(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
):
    alert_id = passes(counter, "1")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.clear(alert_id, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    assert passes(counter, "2", after=60) == alert_id


def with_order(order_id: str, **changes: object) -> Match:
    """A match with the listed subject by another order than the usual one."""
    found = match(**changes)  # type: ignore[arg-type]
    first, *others = found.candidates
    return replace(found, candidates=(replace(first, order_ids=(*first.order_ids, order_id)), *others))


@pytest.mark.parametrize("passage", ["1", "2"])
def test_who_is_not_listed_in_cekal_online_alerts_again_once_an_order_of_theirs_is_new(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, passage: str
):
    alert_id = passes(counter, "1")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.clear(alert_id, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    again = joins(counter, with_order("O-2", probe=capture(passage=passage, at=NOON + timedelta(seconds=60))))
    assert again != alert_id
    assert counter.events(again) == [E.RAISED]
    assert counter.alerts.get(alert_id).state is AlertState.CLEARED


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({}, False),
        ({"valid_until": date(2026, 6, 1)}, False),
        ({"valid_until": date(2026, 7, 30)}, True),
        ({"decree_number": "KEP-2/2026"}, True),
        ({"received_on": date(2026, 2, 1)}, True),
    ],
)
def test_an_order_is_new_by_what_it_says_and_not_by_its_key(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, changes: dict[str, object], *, new: bool
):
    alert_id = passes(counter, "1")
    counter.order_watch.look()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.clear(alert_id, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    held = order("O-1", **{"valid_until": date(2026, 6, 30)} | changes)
    seen = match(capture(passage="2", at=NOON + timedelta(seconds=60)))
    by = replace(seen.candidates[0], told=Told(orders=(counter.watchlist.content(held),)))
    assert (joins(counter, replace(seen, candidates=(by,))) != alert_id) is new


def test_whose_face_is_another_is_not_stopped_for_a_new_order_of_the_subject(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1")
    not_the_same(counter, alert_id, budi)
    assert joins(counter, with_order("O-2", probe=capture(passage="2", at=NOON + timedelta(seconds=60)))) == alert_id


def test_who_is_not_listed_is_asked_about_again_beside_another_candidate_once_an_order_of_theirs_is_new(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
):
    alert_id = passes(counter, "1", others={"S-2": 0.5})
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.clear(alert_id, siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
    assert counter.alerts.get(alert_id).subject_id == "S-2"
    seen = counter.version(alert_id)
    new = with_order("O-2", probe=capture(passage="1", at=NOON + timedelta(seconds=1)), others={"S-2": 0.5})
    assert joins(counter, new) == alert_id
    assert [one.subject_id for one in counter.alerts.get(alert_id).left] == ["S-1", "S-2"]
    assert counter.version(alert_id) > seen


def test_who_was_gone_is_asked_about_again_beside_the_candidate_that_is_left(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
):
    alert_id = passes(counter, "1", others={"S-2": 0.6})
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.CANNOT_DETERMINE, Reason.TRAVELLER_GONE)
    assert counter.clear(alert_id, siti, Reason.TRAVELLER_GONE).subject_id == "S-2"
    assert passes(counter, "1", after=1, others={"S-2": 0.6}) == alert_id
    assert counter.alerts.get(alert_id).subject_id == "S-2"
    assert passes(counter, "2", after=180, others={"S-2": 0.6}) == alert_id
    assert counter.alerts.get(alert_id).subject_id == "S-1"


def test_what_joins_a_cleared_alert_brings_no_picture(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1")
    not_the_same(counter, alert_id, budi)
    better = match(capture(passage="2", at=NOON + timedelta(seconds=60), quality=0.99, jpeg=b"a better one"))
    assert joins(counter, better) == alert_id
    assert counter.alerts.probe(alert_id) == b"probe"


def test_a_further_passage_of_an_open_alert_brings_its_picture_and_a_new_version(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
):
    alert_id = passes(counter, "1")
    further = match(capture(passage="2", at=NOON + timedelta(seconds=60), quality=0.1, jpeg=b"who is here now"))
    assert joins(counter, further) == alert_id
    assert (counter.version(alert_id), counter.alerts.probe(alert_id)) == (2, b"who is here now")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    seen = counter.version(alert_id)
    assert passes(counter, "3", after=120) == alert_id, "referred"
    counter.confirm(alert_id, siti)
    assert passes(counter, "4", after=180) == alert_id, "confirmed"
    assert counter.version(alert_id) == seen + 3


def test_a_hit_that_is_closed_takes_no_further_passage(counter: Counter, budi: ActingPerson, siti: ActingPerson):
    alert_id = passes(counter, "1")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.confirm(alert_id, siti)
    counter.adjudicator.follow_up(alert_id, siti, contact(siti), counter.version(alert_id))
    counter.adjudicator.close(alert_id, siti, counter.version(alert_id))
    assert alert_id not in {passes(counter, "1", after=60), passes(counter, "2", after=61)}


def test_another_site_another_time_another_model_never_join(counter: Counter):
    alert_id = passes(counter, "1")
    later = match(capture(passage="2", at=NOON + WINDOW + timedelta(seconds=1)))
    elsewhere = match(capture(camera=ELSEWHERE))
    other = replace(match(capture(passage="3")), model_version="model-2")
    unmeasured = replace(match(capture(passage="4")), same_person=None)
    assert alert_id not in {joins(counter, one) for one in (elsewhere, other, unmeasured, later)}


def test_a_track_that_goes_over_to_the_real_person_is_a_passage_of_its_own(counter: Counter, budi: ActingPerson):
    false = passes(counter, "1", template=LOOK_ALIKE, score=0.62)
    not_the_same(counter, false, budi)
    still = passes(counter, "1", after=1, template=face(0.7), score=0.62)
    assert still == false, "the look-alike's next crop"
    real = passes(counter, "1", after=3, score=0.8)
    assert real != false, "from a server that never saw the look-alike too"
    assert passes(counter, "1", after=4, template=face(0.98), score=0.8) == real


def test_a_passage_that_cannot_be_compared_any_more_is_a_new_one_whatever_its_key_says(counter: Counter):
    alert_id = passes(counter, "1")
    other_model = replace(match(capture(passage="1", at=NOON + timedelta(seconds=1))), model_version="model-2")
    assert joins(counter, other_model) != alert_id
    counter.alerts.forget_passages(NOON + timedelta(seconds=1))
    forgotten = passes(counter, "1", after=2)
    assert forgotten != alert_id
    assert passes(counter, "1", after=3) == forgotten


def test_of_a_model_that_nobody_has_measured_a_track_is_one_passage_while_the_alert_is_open(
    counter: Counter, budi: ActingPerson
):
    def unmeasured(after: int) -> UUID:
        found = match(capture(passage="1", at=NOON + timedelta(seconds=after)), template=face(0.1))
        return joins(counter, replace(found, same_person=None))

    alert_id = unmeasured(0)
    assert unmeasured(1) == alert_id
    not_the_same(counter, alert_id, budi)
    assert unmeasured(2) != alert_id


def test_whoever_was_judged_to_be_another_alerts_again_after_an_hour_however_often_they_are_seen(
    counter: Counter, clock: FixedClock, budi: ActingPerson
):
    alert_id = passes(counter, "0")
    not_the_same(counter, alert_id, budi)
    seen = []
    for number in range(1, 9):
        clock.advance(timedelta(minutes=9))
        seen.append(passes(counter, str(number), after=540 * number) == alert_id)
    assert seen == [True] * 6 + [False] * 2


@pytest.mark.both_databases
def test_the_face_of_a_passage_is_sealed_and_goes_when_nobody_can_join_any_more(database: Database, counter: Counter):
    alert_id = passes(counter, "1")
    with database.engine.begin() as connection:
        (row,) = connection.exec_driver_sql("SELECT template FROM alert_passage")
    assert face().tobytes() not in bytes(row[0])
    assert counter.alerts.forget_passages(NOON) == 0, "its last crop came then"
    assert counter.alerts.forget_passages(NOON + timedelta(seconds=1)) == 1
    assert passes(counter, "1", after=1) != alert_id


def test_a_face_that_cannot_be_opened_joins_nobody_and_holds_nobody_back(database: Database, counter: Counter):
    alert_id = passes(counter, "1")
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alert_passage SET template = :v"), {"v": b"damaged"})
    assert alert_id not in {passes(counter, "2", after=1), passes(counter, "1", after=2)}


def test_each_candidate_is_judged_before_the_alert_is_cleared(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1", others={"S-2": 0.6, "S-3": 0.5})
    held = counter.claim(alert_id, budi)
    for subject_id, following in (("S-1", "S-2"), ("S-2", "S-3")):
        assert held.subject_id == subject_id
        held = not_the_same(counter, alert_id, budi)
        assert (held.state, held.subject_id, held.handling.claim is None) == (AlertState.CLAIMED, following, False)
    done = not_the_same(counter, alert_id, budi)
    assert (done.state, done.left) == (AlertState.CLEARED, ())
    assert [one.subject_id for one in done.handling.findings] == ["S-1", "S-2", "S-3"]
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.ADJUDICATED, E.ADJUDICATED, E.ADJUDICATED]


def test_a_new_candidate_of_an_undecided_alert_is_added_and_has_to_be_seen(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1")
    seen = counter.claim(alert_id, budi).version
    assert passes(counter, "1", after=1, subject="S-2", score=0.9) == alert_id
    alert = counter.alerts.get(alert_id)
    assert (alert.version, alert.subject_id) == (seen + 1, "S-1"), "who holds it is asked about the same one still"
    assert not_the_same(counter, alert_id, budi).subject_id == "S-2"


@pytest.mark.slow
def test_a_new_candidate_of_a_settled_alert_alerts_by_itself(counter: Counter, budi: ActingPerson):
    cleared = passes(counter, "1")
    not_the_same(counter, cleared, budi)
    second = passes(counter, "1", after=1, others={"S-2": 0.6})
    assert second != cleared
    alert = counter.alerts.get(second)
    assert [one.subject_id for one in alert.candidates] == ["S-2"], "who was ruled out is not asked about again"
    assert passes(counter, "1", after=2, others={"S-2": 0.6}) == second
    assert passes(counter, "1", after=3) == cleared, "in silence"


def test_who_was_ruled_out_is_not_asked_about_again_in_an_open_alert(counter: Counter, budi: ActingPerson):
    alert_id = passes(counter, "1", others={"S-2": 0.6})
    counter.claim(alert_id, budi)
    version = not_the_same(counter, alert_id, budi).version
    assert passes(counter, "1", after=1, score=0.95) == alert_id
    assert passes(counter, "2", after=60, score=0.95) == alert_id, "the same traveller, at another counter"
    alert = counter.alerts.get(alert_id)
    assert (alert.subject_id, alert.version) == ("S-2", version + 1)


def test_candidates_have_a_bound_and_one_more_alerts_by_itself(counter: Counter):
    others = {f"S-{number}": 0.5 for number in range(2, 11)}
    alert_id = passes(counter, "1", others=others)
    assert len(counter.alerts.get(alert_id).candidates) == 10
    assert passes(counter, "1", after=1, subject="S-99") != alert_id
