"""What people do with alerts, on every kind of database: of several at once one wins, and nothing is half done."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudication
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import POLICY, Counter, contact, seat

E = AlertEventType


def code_of(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


@pytest.mark.both_databases
def test_an_alert_goes_all_its_way_and_comes_back_as_it_was_written(
    counter: Counter, budi: ActingPerson, siti: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(timedelta(seconds=20))
    counter.judge(alert_id, budi, note="same scar\nabove the left eye")
    counter.confirm(alert_id, siti, note="listed")
    counter.adjudicator.follow_up(alert_id, siti, contact(siti), counter.version(alert_id))
    done = counter.adjudicator.close(alert_id, budi, counter.version(alert_id))
    assert counter.alerts.get(alert_id) == done
    assert (done.state, done.handling.reference, done.version) == (AlertState.CLOSED, "CO-2026/0117", 6)
    assert [(one.outcome, one.person, one.note) for one in done.handling.findings] == [
        (Outcome.REFERRED, budi.person.reference, "same scar\nabove the left eye"),
        (Outcome.CONFIRMED, siti.person.reference, "listed"),
    ]
    assert done.handling.follow_ups == (contact(siti),)
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.ADJUDICATED, E.CONFIRMED, E.FOLLOWED_UP, E.CLOSED]
    assert counter.announced == 5


def test_each_step_is_recorded_with_who_and_why_and_without_a_word_of_the_notes(
    counter: Counter, budi: ActingPerson, siti: ActingPerson
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


@pytest.mark.both_databases
def test_of_many_who_claim_at_once_one_wins_and_the_others_are_told_who(counter: Counter):
    people = [counter.hire(f"officer-{number}", PersonRole.OFFICER) for number in range(6)]
    for passage in range(3):
        alert_id, start = counter.raise_alert(str(passage)), Barrier(len(people))

        def claim(who: ActingPerson, alert_id: UUID = alert_id, start: Barrier = start) -> str:
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


@pytest.mark.both_databases
def test_steps_at_once_leave_the_log_in_the_order_of_their_commits(counter: Counter):
    people = [counter.hire(f"officer-{number}", PersonRole.OFFICER) for number in range(4)]
    alert_ids = [counter.raise_alert(str(number)) for number in range(4)]

    def work(pair: tuple[ActingPerson, UUID]) -> None:
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


def test_a_renewed_claim_makes_no_event_and_no_entry(counter: Counter, budi: ActingPerson, clock: FixedClock):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    clock.advance(POLICY.lease / 2)
    renewed = counter.claim(alert_id, budi)
    assert renewed.handling.claim is not None
    assert renewed.handling.claim.expires_at == clock.now() + POLICY.lease
    assert (renewed.version, counter.events(alert_id)) == (2, [E.RAISED, E.CLAIMED])
    assert len(counter.trail(Action.ALERT_CLAIMED)) == 1
    assert counter.announced == 1


def test_what_somebody_let_run_out_is_free_for_others(
    counter: Counter, budi: ActingPerson, ani: ActingPerson, clock: FixedClock
):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    counter.escalator.escalate()
    clock.advance(POLICY.lease)
    counter.escalator.escalate()
    assert code_of(lambda: counter.judge(alert_id, budi)) is Code.ALERT_NOT_CLAIMED
    counter.claim(alert_id, ani)
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED, E.RELEASED, E.ESCALATED, E.CLAIMED]
    assert [actor for _, actor, _ in counter.trail(Action.ALERT_RELEASED)] == ["server:test"]


@pytest.mark.both_databases
def test_what_is_refused_leaves_nothing(counter: Counter, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson):
    alert_id = counter.raise_alert()
    counter.claim(alert_id, budi)
    before, entries = counter.alerts.get(alert_id), len(list(counter.audit.links()))
    assert code_of(lambda: counter.judge(alert_id, budi, version=0)) is Code.ALERT_CHANGED
    assert code_of(lambda: counter.judge(alert_id, ani)) is Code.ALERT_HELD
    assert code_of(lambda: counter.judge(alert_id, budi, note="x" * 1001)) is Code.NOTE_INVALID
    assert code_of(lambda: counter.judge(alert_id, budi, reason=Reason.FACE_DIFFERS)) is Code.REASON_INVALID
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.ALERT_STATE_WRONG
    assert code_of(lambda: counter.claim(uuid4(), budi)) is Code.ALERT_NOT_FOUND
    assert counter.alerts.get(alert_id) == before
    assert len(list(counter.audit.links())) == entries
    assert counter.events(alert_id) == [E.RAISED, E.CLAIMED]


def test_a_judgement_that_has_not_seen_a_further_passage_is_refused(counter: Counter, budi: ActingPerson):
    counter.list_subject()
    window = timedelta(minutes=10)
    alert_id = counter.raise_alert("1", window=window)
    seen = counter.claim(alert_id, budi).version
    assert counter.raise_alert("1", window=window) == alert_id, "a crop of the same passage"
    assert counter.version(alert_id) == seen
    assert counter.raise_alert("2", window=window) == alert_id, "a further passage"
    assert code_of(lambda: counter.judge(alert_id, budi, version=seen)) is Code.ALERT_CHANGED
    assert counter.judge(alert_id, budi, version=seen + 1).state is AlertState.REFERRED


def test_escalation_refuses_no_judgement(counter: Counter, clock: FixedClock):
    alert_id = counter.raise_alert()
    seen = counter.version(alert_id)
    clock.advance(POLICY.to_supervisor)
    assert counter.escalator.escalate() == 1
    assert counter.version(alert_id) == seen


@pytest.mark.parametrize("when", ["raised", "claimed", "escalated"])
def test_what_waits_goes_up_when_the_clock_was_ahead_and_was_set_back(
    counter: Counter, clock: FixedClock, budi: ActingPerson, when: str
):
    ahead = timedelta(hours=2)
    if when != "raised":
        alert_id = counter.raise_alert()
    clock.moment += ahead
    if when == "raised":
        alert_id = counter.raise_alert()
    elif when == "claimed":
        counter.claim(alert_id, budi)
    else:
        assert counter.escalator.escalate() == 1
    clock.moment -= ahead
    counter.escalator.escalate()
    patience = POLICY.to_settle if when == "claimed" else POLICY.again if when == "escalated" else POLICY.to_supervisor
    before = counter.alerts.get(alert_id).handling.escalations
    for _ in range(patience // timedelta(seconds=30)):
        if when == "claimed":
            counter.claim(alert_id, budi)
        clock.advance(timedelta(seconds=30))
        counter.escalator.escalate()
    handling = counter.alerts.get(alert_id).handling
    level = Escalation.SITE if when == "escalated" else Escalation.SUPERVISOR
    assert (handling.escalation, handling.escalations, handling.escalated_at) == (level, before + 1, clock.now())
    assert handling.waits_since < clock.now()


def test_an_order_that_lapsed_meanwhile_is_not_referred_but_can_be_cleared(
    clock: FixedClock, counter: Counter, budi: ActingPerson
):
    counter.list_subject("S-2", until=date(2026, 3, 1))
    alert_id = counter.raise_alert(subject_id="S-2")
    clock.moment = datetime(2026, 3, 1, 16, 59, 50, tzinfo=UTC)  # ten seconds before midnight in Batam
    counter.claim(alert_id, budi)
    clock.advance(timedelta(seconds=20))
    assert code_of(lambda: counter.judge(alert_id, budi)) is Code.ORDER_NOT_IN_FORCE
    assert counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS).state is AlertState.CLEARED


def test_an_order_that_lapsed_after_the_referral_is_not_confirmed(
    clock: FixedClock, counter: Counter, budi: ActingPerson, siti: ActingPerson
):
    counter.list_subject("S-2", until=date(2026, 3, 1))
    alert_id = counter.raise_alert(subject_id="S-2")
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    clock.moment = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)
    assert code_of(lambda: counter.confirm(alert_id, siti)) is Code.ORDER_NOT_IN_FORCE
    ended = Adjudication(Outcome.CLEARED, Reason.ORDER_ENDED, "", counter.version(alert_id))
    assert counter.adjudicator.clear(alert_id, siti, ended).state is AlertState.CLEARED


def test_a_hit_needs_two_people(counter: Counter, siti: ActingPerson):
    both = counter.hire("both", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, both)
    counter.judge(alert_id, both)
    assert code_of(lambda: counter.confirm(alert_id, both)) is Code.SAME_PERSON_TWICE
    assert code_of(lambda: counter.confirm(alert_id, siti, reference="?")) is Code.REFERENCE_INVALID
    assert counter.confirm(alert_id, siti).state is AlertState.CONFIRMED


def test_who_is_no_supervisor_confirms_nothing_whoever_judged_it(counter: Counter, ani: ActingPerson):
    both = counter.hire("both", PersonRole.OFFICER, PersonRole.SUPERVISOR)
    alert_id = counter.raise_alert()
    counter.claim(alert_id, both)
    counter.judge(alert_id, both)
    assert code_of(lambda: counter.confirm(alert_id, ani)) is Code.PERSON_ROLE_NEEDED


def test_who_works_elsewhere_or_as_something_else_does_not_touch_an_alert(counter: Counter):
    alert_id = counter.raise_alert()
    manager = counter.hire("manager", PersonRole.LIST_MANAGER)
    elsewhere = counter.hire("elsewhere", PersonRole.OFFICER, sites=("sekupang",))
    far = ActingPerson(elsewhere.person, elsewhere.actor, lambda site: site == "sekupang")
    with pytest.raises(CekalwatchError) as caught:
        counter.claim(alert_id, manager)
    assert (caught.value.code, caught.value.told) == (Code.PERSON_ROLE_NEEDED, {"roles": "OFFICER,SUPERVISOR"})
    assert code_of(lambda: counter.claim(alert_id, elsewhere)) is Code.PERSON_SITE_NOT_ALLOWED
    assert code_of(lambda: counter.claim(alert_id, far)) is Code.ALERT_NOT_FOUND
