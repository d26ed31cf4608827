"""Two faces first (rule 15): what people find at first sight is a step of the alert, and comes before the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, timedelta
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, FirstLook, Outcome, Reason
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.contract.values.reports import LookFigures
from cekalwatch.extensions.notices.collector import AlertNotices
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudication
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.first_looks import FirstLooks, FirstLookSetting
from cekalwatch.server.alerts.reports import shift_report
from cekalwatch.server.audit.entry import Action, Actor, ActorKind
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.field_report import field_period
from cekalwatch.server.domain.alerts.field_sums import FieldSums
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.handling_store import HandlingStep
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.settings import SettingStore
from tests.support.builders.alerts import capture, match
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter, seat
from tests.support.scenarios.people import person

E = AlertEventType
EVERYWHERE = AlertFilter()
NAMES = {"S-1": "Siti Rahayu", "S-2": "Sri Wahyuni"}


def code_of(step: object) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()  # type: ignore[operator]
    return caught.value.code


@pytest.fixture
def alert_id(counter: Counter) -> UUID:
    """An alert that may be of two listed people, the first of them the more alike."""
    for key, name in NAMES.items():
        counter.watchlist.put(subject(key, name=name), order(f"O-{key}", subject_id=key), [])
    now = counter.clock.now()
    event = counter.alerts.record(match(capture(at=now), others={"S-2": 0.61}), timedelta(0), now)
    assert event is not None
    return event.alert_id


def shown(counter: Counter, alert_id: UUID, *who: ActingPerson) -> ShownAlert:
    """The alert as the server sends it to a screen where these people look."""
    return counter.details.get(alert_id).seen_by([one.person.person_id for one in who])


def details(counter: Counter, action: Action) -> dict[str, object]:
    ((_, _, told),) = counter.trail(action)
    return dict(json.loads(told))


@pytest.mark.both_databases
def test_a_first_look_is_a_step_that_comes_before_all_but_faces_place_and_time(
    counter: Counter, alert_id: UUID, budi: ActingPerson, clock: FixedClock
):
    before, version = shown(counter, alert_id, budi), counter.version(alert_id)
    assert (before.first_look, before.look_needed, before.open) == (FirstLook.NEEDED, True, True)
    assert not any(word in repr(before) for word in (*NAMES.values(), *NAMES, "O-S-1", "0.7", "0.61", "0.48"))
    assert (before.place.counter, before.probe_capture_id) != ("", "")
    clock.advance(timedelta(seconds=7))

    looked = counter.look(alert_id, budi, Outcome.NOT_SAME_PERSON)
    assert looked.version == version, "a look changes nothing that others judge"
    (look,) = looked.handling.looks
    assert (look.finding, look.person, look.looked_at, look.version, look.subject_id) == (
        *(Outcome.NOT_SAME_PERSON, budi.person.reference, clock.now()),
        *(version, "S-1"),
    )
    after = shown(counter, alert_id, budi)
    assert (after.first_look, after.subject.name, after.candidates[0].name) == (FirstLook.TAKEN, *[NAMES["S-1"]] * 2)
    assert after.pictures_key == before.pictures_key, "the photographs stay on screen"
    assert counter.events(alert_id) == [E.RAISED, E.LOOKED]
    told = details(counter, Action.ALERT_LOOKED)
    assert (told["found"], told["candidate"], told["version"]) == ("NOT_SAME_PERSON", "S-1", version)


@pytest.mark.both_databases
def test_the_first_look_of_a_person_stands(counter: Counter, alert_id: UUID, budi: ActingPerson):
    counter.look(alert_id, budi, Outcome.CANNOT_DETERMINE)
    again = counter.look(alert_id, budi, Outcome.REFERRED)
    assert [one.finding for one in again.handling.looks] == [Outcome.CANNOT_DETERMINE]
    assert counter.events(alert_id) == [E.RAISED, E.LOOKED]


def test_a_look_at_what_has_changed_since_is_refused(counter: Counter, alert_id: UUID, budi: ActingPerson):
    version = counter.version(alert_id)
    counter.claim(alert_id, budi)
    assert code_of(lambda: counter.look(alert_id, budi, version=version)) is Code.ALERT_CHANGED
    assert code_of(lambda: counter.look(alert_id, budi, Outcome.CONFIRMED)) is Code.OUTCOME_NOT_ALLOWED
    assert not counter.alerts.get(alert_id).handling.looks


@pytest.mark.parametrize(
    ("first", "said"), [(Outcome.REFERRED, "CONFIRMED"), (Outcome.NOT_SAME_PERSON, "CHANGED"), (None, None)]
)
def test_the_audit_trail_says_whether_the_judgement_confirmed_the_first_look_or_changed_it(
    counter: Counter, alert_id: UUID, budi: ActingPerson, first: Outcome | None, said: str | None
):
    counter.claim(alert_id, budi)
    if first:
        counter.look(alert_id, budi, first)
    counter.judge(alert_id, budi)
    told = details(counter, Action.ALERT_ADJUDICATED)
    assert (told.get("first_look"), told.get("look")) == (first, said)


def test_each_candidate_is_looked_at_and_the_next_one_is_not_named_before(
    counter: Counter, alert_id: UUID, budi: ActingPerson, ani: ActingPerson
):
    counter.claim(alert_id, budi)
    counter.look(alert_id, budi)
    one = shown(counter, alert_id, budi)
    assert [each.name for each in one.candidates] == [NAMES["S-1"], ""], "the next face is seen before its name"
    assert [each.score for each in one.candidates][1] == 0
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    other = shown(counter, alert_id, budi)
    assert other.look_needed
    assert other.pictures_key != one.pictures_key
    assert not any(name in repr(other) for name in NAMES.values())
    counter.look(alert_id, budi, Outcome.CANNOT_DETERMINE)
    assert [each.name for each in shown(counter, alert_id, budi).candidates] == [*NAMES.values()]
    assert shown(counter, alert_id, ani).look_needed, "everybody looks with their own eyes"
    assert shown(counter, alert_id, budi, ani).look_needed, "where two people look, each must have looked"
    counter.look(alert_id, ani)
    seen = shown(counter, alert_id, ani)
    assert seen.candidates[0].name == NAMES["S-1"], "who is ruled out is not looked at any more"
    assert len(seen.handling.findings) == 1


def test_a_supervisor_looks_before_they_see_what_the_officer_found(
    counter: Counter, alert_id: UUID, budi: ActingPerson, siti: ActingPerson
):
    forms: list[tuple[object, ...]] = []
    for outcome, reason in (
        (Outcome.REFERRED, Reason.FACE_AGREES),
        (Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR),
    ):
        if forms:
            counter.take_over(alert_id, siti)
            counter.adjudicator.release(alert_id, siti, seat(siti))
        counter.claim(alert_id, budi)
        counter.judge(alert_id, budi, outcome, reason, note="the scar")
        before = shown(counter, alert_id, siti)
        found = [one.outcome for one in before.handling.findings if one.outcome is not Outcome.TAKEN_OVER]
        forms.append((before.state, before.pending, found, before.handling.reference))
        assert "the scar" not in repr(before)
        assert budi.person.display_name not in repr(before)
        assert before.call == counter.details.get(alert_id).whole.call, "it rings for supervisors as often"
        assert before.handling.escalations == 0, "the number would say that it was judged"
    assert forms[0] == forms[1] == (None, True, [], "")
    counter.look(alert_id, siti, Outcome.NOT_SAME_PERSON)
    after = shown(counter, alert_id, siti)
    assert (after.state, after.handling.findings[-1].note) == (AlertState.CANNOT_DETERMINE, "the scar")
    assert after.call == before.call


def test_who_has_judged_a_candidate_has_looked(counter: Counter, alert_id: UUID, budi: ActingPerson):
    """Also at a PC of an older version, which shows two faces and knows no look."""
    counter.claim(alert_id, budi)
    assert shown(counter, alert_id, budi).look_needed, "to take an alert is not to look at it"
    counter.judge(alert_id, budi)
    assert not shown(counter, alert_id, budi).look_needed


def test_a_look_stays_when_the_alert_grows_and_when_it_is_taken_over(
    counter: Counter, alert_id: UUID, budi: ActingPerson, siti: ActingPerson
):
    counter.claim(alert_id, budi)
    counter.look(alert_id, budi)
    now = counter.clock.now()
    counter.alerts.record(match(capture(passage="2", at=now), others={"S-2": 0.61}), timedelta(hours=1), now)
    assert counter.events(alert_id)[-1] is E.SIGHTED
    assert not shown(counter, alert_id, budi).look_needed
    counter.take_over(alert_id, siti)
    assert shown(counter, alert_id, siti).look_needed
    assert not shown(counter, alert_id, budi).look_needed


def test_nobody_has_to_look_at_what_cannot_be_judged(counter: Counter, alert_id: UUID, budi: ActingPerson):
    counter.handling.step(
        alert_id,
        lambda alert: _ended(alert, counter),
        lambda *_: pytest.fail("nothing is recorded"),
        counter.clock.now(),
    )
    assert shown(counter, alert_id, budi).subject.name == NAMES["S-1"], "it can only be cleared"
    assert code_of(lambda: counter.look(alert_id, budi)) is Code.ALERT_STATE_WRONG


def _ended(alert: Alert, counter: Counter) -> HandlingStep:
    return HandlingStep(alert.handling.with_orders(counter.clock.now(), in_force=False), ())


def test_nobody_looks_at_another_site_or_without_the_role(counter: Counter, alert_id: UUID):
    dewi = counter.hire("dewi", PersonRole.AUDITOR)
    assert code_of(lambda: counter.look(alert_id, dewi)) is Code.PERSON_ROLE_NEEDED
    tono = counter.hire("tono", PersonRole.OFFICER, sites=("sekupang",))
    assert code_of(lambda: counter.look(alert_id, tono)) is Code.PERSON_SITE_NOT_ALLOWED


@pytest.mark.both_databases
def test_a_search_finds_nothing_by_what_comes_after_the_first_look(
    counter: Counter, alert_id: UUID, budi: ActingPerson, siti: ActingPerson
):
    def found(who: ActingPerson, **search: object) -> list[UUID]:
        page = counter.details.page(
            EVERYWHERE,
            None,
            10,
            AlertSearch(**search),  # type: ignore[arg-type]
            who.person.person_id,
        )
        return [one.alert.alert_id for one in page]

    assert found(siti, subject_id="S-1") == []
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    assert found(budi, subject_id="S-1") == [alert_id]
    for state in (AlertState.REFERRED, AlertState.CANNOT_DETERMINE):
        assert found(siti, states=frozenset({state})) == [alert_id], "it waits for them, however it was judged"
    assert found(siti, states=frozenset({AlertState.NEW, AlertState.CLAIMED})) == []
    counter.look(alert_id, siti)
    assert found(siti, subject_id="S-1") == [alert_id]
    assert found(siti, states=frozenset({AlertState.CANNOT_DETERMINE})) == []


def test_what_is_settled_is_shown_to_all(
    counter: Counter, alert_id: UUID, budi: ActingPerson, ani: ActingPerson, siti: ActingPerson
):
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.look(alert_id, siti)
    counter.confirm(alert_id, siti)
    assert shown(counter, alert_id, ani).subject.name == NAMES["S-1"]
    assert details(counter, Action.ALERT_CONFIRMED)["first_look"] == "REFERRED"
    assert shown(counter, alert_id, ani).first_look is None


def test_a_clearing_names_the_first_look_of_who_clears(
    counter: Counter, alert_id: UUID, budi: ActingPerson, siti: ActingPerson
):
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi)
    counter.look(alert_id, siti, Outcome.NOT_SAME_PERSON)
    cleared = Adjudication(Outcome.CLEARED, Reason.NOT_LISTED_IN_CEKAL_ONLINE, "", counter.version(alert_id))
    counter.adjudicator.clear(alert_id, siti, cleared)
    assert details(counter, Action.ALERT_CLEARED)["first_look"] == "NOT_SAME_PERSON"


def test_the_figures_of_a_shift_say_how_often_looks_were_kept_and_name_nobody(
    counter: Counter, alert_id: UUID, budi: ActingPerson, clock: FixedClock, database: Database
):
    start = clock.now()
    clock.advance(timedelta(seconds=8))
    counter.look(alert_id, budi, Outcome.NOT_SAME_PERSON)
    counter.claim(alert_id, budi)
    counter.judge(alert_id, budi, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    counter.look(alert_id, budi, Outcome.CANNOT_DETERMINE)
    counter.judge(alert_id, budi)  # the look at the other face is changed
    report = shift_report(counter.handling.raised_between("batam-center", start, clock.now()))
    assert (report.looks, report.looks_kept, report.median_look_s) == (2, 1, 8.0)
    found = FieldSums.of(FieldStore(database).alerts(start, clock.now(), None), (), {}, UTC)
    assert field_period(start, clock.now(), found).looks == LookFigures(2, 1, 8.0)
    assert str(budi.person.person_id) not in repr(found)
    assert not any(name in repr(report) for name in (*NAMES.values(), "budi", str(budi.person.person_id)))


def test_notices_and_reports_to_a_centre_name_nobody_before_a_look_and_tell_no_look(
    counter: Counter, alert_id: UUID, budi: ActingPerson
):
    counter.look(alert_id, budi, Outcome.NOT_SAME_PERSON)
    notices, _ = AlertNotices(counter.alerts).after(0)
    assert [one.type for one in notices] == ["alert.raised"]
    told = repr(notices)
    assert not any(word in told for word in (*NAMES.values(), "NOT_SAME", "0.61", "budi"))
    reported = counter.details.get(alert_id).whole.without_looks
    assert (reported.handling.looks, reported.first_look, reported.asked_key) == ((), None, "")


@pytest.mark.both_databases
def test_two_people_turn_first_looks_off_and_on_and_servers_follow(
    counter: Counter, alert_id: UUID, budi: ActingPerson, database: Database
):
    looks = FirstLooks(SettingStore(database, "first_looks", FirstLookSetting), counter.clock)
    details = reader_of(counter, looks)
    actor = Actor(ActorKind.COMMAND, "test")
    one, other = person("adi", PersonRole.ADMINISTRATOR), person("sari", PersonRole.SUPERVISOR)
    both = TwoPeople(TwoPersonAction.CHANGE_FIRST_LOOKS, one, other)

    def needed() -> bool:
        looks.follow()
        return details.get(alert_id).seen_by([budi.person.person_id]).look_needed

    assert needed(), "without a word of two people, they are asked for"
    looks.set(both, actor, asked=False)
    assert not needed()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE setting SET value = '{\"asked\": true}', row_version = row_version + 2")
    assert not needed(), "a row that somebody changed says nothing"
    looks.set(both, actor, asked=True)
    assert needed()
    told = [json.loads(each[2])["asked"] for each in counter.trail(Action.FIRST_LOOKS_SET)]
    assert told == ["no", "yes"]
    with pytest.raises(ValueError, match="may do"):
        looks.set(replace(both, action=TwoPersonAction.CHANGE_THRESHOLD), actor, asked=False)


def reader_of(counter: Counter, looks: FirstLooks) -> AlertDetailsReader:
    orders = AlertOrders(counter.watchlist, counter.checkpoints)
    return AlertDetailsReader(counter.alerts, counter.watchlist, counter.people, orders, counter.clock, looks.asked)
