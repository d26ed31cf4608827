"""What people do with alerts, on every kind of database: of several at once one wins, and nothing is half done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from cekalwatch.server.alerting.adjudicating import Judgement, Worker
from cekalwatch.server.alerting.shift import Tally, shift_report
from cekalwatch.server.domain.alerts import AlertEventType, AlertFilter
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.findings import Outcome, Reason
from cekalwatch.server.domain.handling import AlertState, Escalation
from cekalwatch.server.domain.people import PersonRole
from cekalwatch.server.security.audit import Action
from cekalwatch.server.security.retention import ImageReport, Keeping, RetentionSweeper
from cekalwatch.server.storage.database import Database
from tests.support.adjudication import POLICY, Counter, contact, seat
from tests.support.alerts import ARRIVAL, NOON, capture, match
from tests.support.watchlist import FixedClock

E = AlertEventType


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def counter(database: Database, clock: FixedClock) -> Counter:
    made = Counter(database, clock)
    made.list_subject()
    return made


@pytest.fixture
def budi(counter: Counter) -> Worker:
    return counter.hire("budi", PersonRole.OFFICER)


@pytest.fixture
def ani(counter: Counter) -> Worker:
    return counter.hire("ani", PersonRole.OFFICER)


@pytest.fixture
def siti(counter: Counter) -> Worker:
    return counter.hire("siti", PersonRole.SUPERVISOR)


def code_of(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


def test_an_alert_goes_all_its_way_and_comes_back_as_it_was_written(
    counter: Counter, budi: Worker, siti: Worker, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(timedelta(seconds=20))
    counter.judge(alert_id, budi, note="same scar\nabove the left eye")
    counter.confirm(alert_id, siti, note="listed")
    counter.adjudicator.follow_up(alert_id, siti, contact(siti), counter.revision(alert_id))
    done = counter.adjudicator.close(alert_id, budi, counter.revision(alert_id))
    assert counter.alerts.get(alert_id) == done
    assert (done.state, done.handling.reference, done.version) == (AlertState.CLOSED, "CO-2026/0117", 6)
    assert [(one.outcome, one.by, one.note) for one in done.handling.findings] == [
        (Outcome.REFERRED, budi.person.person_id, "same scar\nabove the left eye"),
        (Outcome.CONFIRMED, siti.person.person_id, "listed"),
    ]
    assert done.handling.follow_ups == (contact(siti),)
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.ADJUDICATED, E.CONFIRMED, E.FOLLOWED_UP, E.CLOSED]
    assert counter.announced == 5


def test_each_step_is_recorded_with_who_and_why_and_without_a_word_of_the_notes(
    counter: Counter, budi: Worker, siti: Worker
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, note="rahasia")
    counter.confirm(alert_id, siti, note="rahasia")
    found = counter.trail(Action.ALERT_CLAIMED, Action.ALERT_ADJUDICATED, Action.ALERT_CONFIRMED)
    assert [(action, actor) for action, actor, _ in found] == [
        (Action.ALERT_CLAIMED, str(budi.actor)),
        (Action.ALERT_ADJUDICATED, str(budi.actor)),
        (Action.ALERT_CONFIRMED, str(siti.actor)),
    ]
    assert '"found":"REFERRED","reason":"FACE_AGREES"' in found[1][2]
    everything = "".join(str(one) for one in counter.audit.links())
    assert "rahasia" not in everything
    assert "CO-2026" not in everything
    assert "Petugas" not in everything
    assert f"person:{budi.person.person_id}" in everything, "the confirmation names the officer"


def test_of_many_who_claim_at_once_one_wins_and_the_others_are_told_who(counter: Counter):
    people = [counter.hire(f"officer-{number}", PersonRole.OFFICER) for number in range(6)]
    for passage in range(3):
        alert_id, start = counter.raise_alert(str(passage)), Barrier(len(people))

        def claim(who: Worker, alert_id: UUID = alert_id, start: Barrier = start) -> str:
            start.wait()
            try:
                counter.claim(alert_id, who)
            except CekalwatchError as error:
                return error.told["holder"]  # ALERT_HELD alone tells one
            return ""

        with ThreadPoolExecutor(len(people)) as pool:
            told = list(pool.map(claim, people))
        (winner,) = [who for who, name in zip(people, told, strict=True) if not name]
        assert {name for name in told if name} == {winner.person.display_name}
        assert counter.events(alert_id) == [E.RAISED, E.CLAIMED]


def test_steps_at_once_leave_the_log_in_the_order_of_their_commits(counter: Counter):
    people = [counter.hire(f"officer-{number}", PersonRole.OFFICER) for number in range(4)]
    alert_ids = [counter.raise_alert(str(number)) for number in range(4)]

    def work(pair: tuple[Worker, UUID]) -> None:
        who, alert_id = pair
        for _ in range(5):
            counter.claim(alert_id, who)
            counter.adjudicator.release(alert_id, who, seat(who))

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(work, zip(people, alert_ids, strict=True)))
    for alert_id in alert_ids:
        assert counter.events(alert_id) == [E.RAISED, *[E.CLAIMED, E.RELEASED] * 5]
    # The audit trail is locked last, and its entries name the event: both orders are the same.
    details = [details for _, _, details in counter.trail(Action.ALERT_CLAIMED, Action.ALERT_RELEASED)]
    sequences = [int(text.split('"event":')[1].split(",")[0]) for text in details]
    assert sequences == sorted(sequences)


def test_a_renewed_claim_makes_no_event_and_no_entry(counter: Counter, budi: Worker, clock: FixedClock):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(POLICY.lease / 2)
    renewed = counter.claim(alert_id, budi)
    assert renewed.handling.claim is not None
    assert renewed.handling.claim.until == clock.now() + POLICY.lease
    assert (renewed.version, counter.events(alert_id)) == (2, [E.RAISED, E.CLAIMED])
    assert len(counter.trail(Action.ALERT_CLAIMED)) == 1
    assert counter.announced == 1


def test_who_claims_what_another_let_run_out_writes_both_down(
    counter: Counter, budi: Worker, ani: Worker, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(POLICY.lease)
    assert code_of(lambda: counter.judge(alert_id, budi)) is Code.ALERT_NOT_CLAIMED
    counter.claim(alert_id, ani)
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.RELEASED, E.CLAIMED]
    assert [actor for _, actor, _ in counter.trail(Action.ALERT_RELEASED)] == ["server:test"]


def test_what_is_refused_leaves_nothing(counter: Counter, budi: Worker, ani: Worker, siti: Worker):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    before, entries = counter.alerts.get(alert_id), len(list(counter.audit.links()))
    assert code_of(lambda: counter.judge(alert_id, budi, revision=0)) is Code.ALERT_CHANGED
    assert code_of(lambda: counter.judge(alert_id, ani)) is Code.ALERT_HELD
    assert code_of(lambda: counter.judge(alert_id, budi, note="x" * 1001)) is Code.NOTE_INVALID
    assert code_of(lambda: counter.judge(alert_id, budi, reason=Reason.FACE_DIFFERS)) is Code.REASON_INVALID
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.ALERT_STATE_WRONG
    assert code_of(lambda: counter.claim(uuid4(), budi)) is Code.ALERT_NOT_FOUND
    assert counter.alerts.get(alert_id) == before
    assert len(list(counter.audit.links())) == entries
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED]


def test_an_order_that_lapsed_meanwhile_is_not_referred_but_can_be_cleared(
    clock: FixedClock, counter: Counter, budi: Worker
):
    counter.list_subject("S-2", until=date(2026, 3, 1))
    alert_id = counter.raise_alert(subject_id="S-2")
    clock.moment = datetime(2026, 3, 1, 16, 59, 50, tzinfo=UTC)  # ten seconds before midnight in Batam
    counter.claim(alert_id, budi)
    clock.advance(timedelta(seconds=20))
    assert code_of(lambda: counter.judge(alert_id, budi)) is Code.ORDER_NOT_IN_FORCE
    assert counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS).state is AlertState.CLEARED


def test_an_order_that_lapsed_after_the_referral_is_not_confirmed(
    clock: FixedClock, counter: Counter, budi: Worker, siti: Worker
):
    counter.list_subject("S-2", until=date(2026, 3, 1))
    alert_id = counter.raise_alert(subject_id="S-2")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    clock.moment = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.ORDER_NOT_IN_FORCE
    ended = Judgement(Outcome.CLEARED, Reason.ORDER_ENDED, "", counter.revision(alert_id))
    assert counter.adjudicator.clear(alert_id, siti, ended).state is AlertState.CLEARED


def test_a_hit_needs_two_people(counter: Counter, siti: Worker):
    both = counter.hire("both", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, both)
    counter.judge(alert_id, both)
    assert code_of(lambda: counter.confirm(alert_id, both)) is Code.SAME_PERSON_TWICE
    assert code_of(lambda: counter.confirm(alert_id, siti, reference="?")) is Code.REFERENCE_INVALID
    assert counter.confirm(alert_id, siti).state is AlertState.CONFIRMED


def test_who_is_no_supervisor_confirms_nothing_whoever_judged_it(counter: Counter, ani: Worker):
    both = counter.hire("both", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, both)
    counter.judge(alert_id, both)
    assert code_of(lambda: counter.confirm(alert_id, ani)) is Code.PERSON_ROLE_NEEDED


def test_who_is_no_officer_refers_nothing_that_nobody_could_confirm(counter: Counter, siti: Worker):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, siti)
    assert code_of(lambda: counter.judge(alert_id, siti)) is Code.PERSON_ROLE_NEEDED
    assert counter.judge(alert_id, siti, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS).state is AlertState.CLEARED


def test_who_works_elsewhere_or_as_something_else_does_not_touch_an_alert(counter: Counter):
    alert_id = counter.raise_alert()
    manager = counter.hire("manager", PersonRole.LIST_MANAGER)
    elsewhere = counter.hire("elsewhere", PersonRole.OFFICER, sites=("sekupang",))
    far = Worker(elsewhere.person, elsewhere.actor, lambda site: site == "sekupang")
    assert code_of(lambda: counter.claim(alert_id, manager)) is Code.PERSON_ROLE_NEEDED
    assert code_of(lambda: counter.claim(alert_id, elsewhere)) is Code.PERSON_SITE_NOT_ALLOWED
    assert code_of(lambda: counter.claim(alert_id, far)) is Code.ALERT_NOT_FOUND


def test_an_alert_that_nobody_takes_goes_up_once_a_step(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    clock.advance(POLICY.to_supervisor - timedelta(seconds=1))
    assert counter.escalator.look() == 0
    clock.advance(timedelta(seconds=1))
    assert [counter.escalator.look(), counter.escalator.look()] == [1, 0]
    assert counter.alerts.get(alert_id).handling.escalation is Escalation.SUPERVISOR
    clock.advance(POLICY.to_supervisor)
    assert [counter.escalator.look(), counter.escalator.look()] == [1, 0]
    clock.advance(timedelta(days=3))
    assert counter.escalator.look() == 0
    assert counter.events(alert_id) == [E.RAISED, E.ESCALATED, E.ESCALATED]
    levels = [details.split('"level":')[1] for _, _, details in counter.trail(Action.ALERT_ESCALATED)]
    assert [level.split(",")[0] for level in levels] == ['"SUPERVISOR"', '"SITE"']


def test_a_claim_that_runs_out_is_given_back_and_goes_up_when_it_is_not_taken(
    counter: Counter, budi: Worker, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(POLICY.lease - timedelta(seconds=1))
    assert counter.escalator.look() == 0
    clock.advance(timedelta(seconds=1))
    assert counter.escalator.look() == 1
    assert counter.alerts.get(alert_id).state is AlertState.NEW
    clock.advance(POLICY.to_supervisor)
    counter.escalator.look()
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.RELEASED, E.ESCALATED]


def test_servers_that_look_at_once_do_nothing_twice(counter: Counter, budi: Worker, clock: FixedClock):
    waiting = [counter.raise_alert(str(number)) for number in range(5)]
    held = counter.raise_alert("held")
    counter.claim(held, budi)
    clock.advance(POLICY.lease)
    start = Barrier(3)

    def look(_: int) -> int:
        start.wait()
        return counter.escalator.look()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(look, range(3))) == 6
    assert {tuple(counter.events(alert_id)) for alert_id in waiting} == {(E.RAISED, E.ESCALATED)}
    assert counter.events(held) == [E.RAISED, E.CLAIMED, E.RELEASED]


def test_a_later_sighting_of_a_cleared_alert_is_a_new_alert_and_of_a_hit_joins_it(
    counter: Counter, budi: Worker, siti: Worker
):
    first = counter.raise_alert("1")
    counter.claim(first, budi)
    counter.judge(first, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    window = timedelta(minutes=10)
    second = counter.raise_alert("2", window=window)
    assert second != first
    counter.claim(second, budi)
    counter.judge(second, budi)
    counter.confirm(second, siti)
    assert counter.raise_alert("3", window=window) == second


def test_alerts_are_found_by_where_they_stand_and_when_they_were_raised(
    counter: Counter, budi: Worker, clock: FixedClock
):
    old = counter.raise_alert("1", "S-1")
    clock.advance(timedelta(hours=1))
    since = clock.now()
    young = counter.raise_alert("2", "S-2")
    counter.claim(young, budi)
    third = counter.raise_alert("3", "S-3")

    def found(*states: AlertState, raised_from: datetime | None = None) -> list[UUID]:
        return [one.alert_id for one in counter.alerts.list_alerts(AlertFilter(), None, 10, states, raised_from)]

    assert found(AlertState.NEW) == [third, old]
    assert found(AlertState.CLAIMED, AlertState.CLOSED) == [young]
    assert found(raised_from=since) == [third, young]
    assert found(AlertState.NEW, raised_from=since) == [third]


def test_images_of_cleared_alerts_go_within_a_day_and_of_hits_later(
    counter: Counter, budi: Worker, siti: Worker, clock: FixedClock
):
    keeping = Keeping()
    assert keeping.cleared_images < timedelta(hours=24)
    sweeper = RetentionSweeper(counter.alerts, counter.handling, clock, siti.actor, keeping)
    cleared, referred, hit, fresh = (counter.raise_alert(str(number), f"S-{number}") for number in range(1, 5))
    counter.list_subject("S-2")
    counter.list_subject("S-3")
    for alert_id in (cleared, referred, hit):
        counter.claim(alert_id, budi)
    counter.judge(cleared, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.adjudicator.close(cleared, budi, counter.revision(cleared))
    counter.judge(hit, budi, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)
    assert sweeper.sweep_images() == ImageReport(0, 0)
    clock.advance(keeping.cleared_images)
    assert sweeper.sweep_images() == ImageReport(1, 0)
    assert counter.alerts.probe(cleared) == b""
    assert all(map(counter.alerts.probe, (referred, hit, fresh)))
    assert sweeper.sweep_images() == ImageReport(0, 0)
    assert [details for _, _, details in counter.trail(Action.RETENTION_SWEPT)] == [
        '{"cleared_images":1,"confirmed_images":0}'
    ]


def test_a_crop_that_comes_after_the_clearing_is_counted_and_not_kept(counter: Counter, budi: Worker):
    alert_id = counter.raise_alert("1")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    late = match(capture(passage="1", quality=0.99, jpeg=b"a better one"))
    event = counter.alerts.record(late, timedelta(0), NOON)
    assert event is not None
    assert (event.alert_id, event.type) == (alert_id, E.SIGHTED)
    assert counter.alerts.probe(alert_id) == b"probe"


def test_an_alert_is_late_once_a_sighting_was(counter: Counter):
    first = counter.alerts.record(match(capture(passage="1")), timedelta(minutes=10), NOON)
    assert first is not None
    assert not counter.alerts.get(first.alert_id).late
    for late, passage in ((True, "2"), (False, "3")):
        found = replace(match(capture(passage=passage)), late=late)
        assert counter.alerts.record(found, timedelta(minutes=10), NOON) is not None
        assert counter.alerts.get(first.alert_id).late


def test_a_shift_is_counted_as_its_alerts_stand_now(counter: Counter, budi: Worker, siti: Worker, clock: FixedClock):
    start = clock.now()
    false, hit, waits = (counter.raise_alert(str(number)) for number in range(3))
    arrival = counter.alerts.record(match(capture(camera=ARRIVAL), subject="S-9"), timedelta(0), clock.now())
    assert arrival is not None
    clock.advance(timedelta(seconds=10))
    counter.claim(false, budi)
    clock.advance(timedelta(seconds=10))
    counter.judge(false, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.claim(hit, budi)
    clock.advance(timedelta(seconds=20))
    counter.judge(hit, budi)
    counter.confirm(hit, siti)
    counter.claim(arrival.alert_id, budi)
    counter.judge(arrival.alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    clock.advance(timedelta(seconds=60))
    counter.escalator.look()
    end = clock.now()
    counter.raise_alert("after the shift", "S-8")
    report = shift_report(counter.handling.raised_between("batam-center", start, end))
    assert (report.raised, report.cleared, report.confirmed, report.open, report.escalated) == (4, 2, 1, 1, 1)
    assert (report.median_claim_s, report.median_decision_s) == (20.0, 40.0)
    assert report.cameras == (Tally("arr-1", 1, 0), Tally("dep-1", 1, 1))
    assert report.lists == (Tally("CEGAH", 1, 1), Tally("TANGKAL", 1, 0))
    assert counter.alerts.get(waits).state is AlertState.NEW
    assert shift_report(counter.handling.raised_between("sekupang", start, end)).raised == 0
