"""What a screen offers for an alert, by its state, its holder, the person's roles and this PC."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.contract.values.adjudication import REASONS, AlertState, Finding, FollowUp, Outcome, Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.people import PersonRole, PersonSession
from cekalwatch.office.alerts import Hindrance, claims_to_renew, options, reasons
from tests.support.builders.notifier_alerts import BUDI, SITI, held_by, judged_by, make_alert, make_shown, session_of
from tests.support.fakes.alert_server import EPOCH

OFFICER = session_of(BUDI)
SUPERVISOR = session_of(SITI, PersonRole.SUPERVISOR)
REFERRED = judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES)
UNDETERMINED = judged_by(BUDI, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR)


def offered(alert: Alert, session: PersonSession | None = OFFICER) -> dict[Step, Hindrance | None]:
    return dict(options(alert, session, "pc-1").steps)


def test_a_new_alert_can_be_claimed_or_judged_at_once() -> None:
    steps = offered(make_alert())
    assert list(steps) == [Step.CLAIM, Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL]
    assert set(steps.values()) == {None}


def test_its_holder_judges_it_or_gives_it_back() -> None:
    steps = offered(held_by(BUDI))
    assert list(steps) == [Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL, Step.RELEASE]
    assert set(steps.values()) == {None}


@pytest.mark.parametrize("alert", [held_by(SITI), held_by(BUDI, agent="pc-2")], ids=["another's", "at another PC"])
def test_what_is_held_elsewhere_is_left_alone(alert: Alert) -> None:
    assert set(offered(alert).values()) == {Hindrance.HELD}


def test_a_referred_alert_needs_a_supervisor_who_did_not_judge_it() -> None:
    assert offered(REFERRED, OFFICER) == {Step.CONFIRM: Hindrance.SUPERVISOR, Step.CLEAR: None}
    assert offered(REFERRED, SUPERVISOR) == {Step.TAKE_OVER: None, Step.CONFIRM: None, Step.CLEAR: None}
    beside = options(REFERRED, OFFICER, "pc-1")
    assert (beside.can(Step.CONFIRM), beside.beside(Step.CONFIRM)) == (True, True), "who signs in for it"
    both = session_of(BUDI, PersonRole.OFFICER, PersonRole.SUPERVISOR)
    assert offered(REFERRED, both)[Step.CONFIRM] is Hindrance.SECOND_PERSON


def test_what_could_not_be_told_is_a_supervisors() -> None:
    assert set(offered(UNDETERMINED, OFFICER).values()) == {Hindrance.SUPERVISOR}
    assert set(offered(UNDETERMINED, SUPERVISOR).values()) == {None}


def test_that_an_order_has_ended_is_offered_once_none_is_in_force() -> None:
    assert REFERRED.orders[0].status is OrderStatus.ACTIVE
    assert Reason.ORDER_ENDED not in reasons(Step.CLEAR, REFERRED)
    ended = replace(REFERRED, orders=(replace(REFERRED.orders[0], status=OrderStatus.REVOKED),))
    assert Reason.ORDER_ENDED in reasons(Step.CLEAR, ended)
    assert reasons(Step.TAKE_OVER, REFERRED) == REASONS[Outcome.TAKEN_OVER]


def test_a_hit_is_closed_once_the_agency_was_told() -> None:
    hit = replace(REFERRED, state=AlertState.CONFIRMED)
    assert offered(hit) == {Step.FOLLOW_UP: None, Step.CLOSE: Hindrance.FOLLOW_UP}
    told = replace(hit.handling, follow_ups=(FollowUp("Kejaksaan Agung", "phone", "they come", EPOCH),))
    assert offered(replace(hit, handling=told))[Step.CLOSE] is None


def test_a_hit_of_two_agencies_is_closed_once_both_were_told() -> None:
    told = (FollowUp("Kejaksaan Agung", "phone", "they come", EPOCH),)
    hit = replace(REFERRED, state=AlertState.CONFIRMED, handling=replace(REFERRED.handling, follow_ups=told))
    assert offered(replace(hit, agencies_owed=("KPK",)))[Step.CLOSE] is Hindrance.FOLLOW_UP
    assert offered(hit)[Step.CLOSE] is None
    ended = replace(hit, orders_ended_at=EPOCH)
    assert offered(replace(ended, agencies_owed=("Kejaksaan Agung",)))[Step.CLOSE] is Hindrance.FOLLOW_UP
    assert offered(replace(ended, handling=REFERRED.handling))[Step.CLOSE] is None, "nobody was told of the hit"


def test_a_follow_up_is_offered_to_the_agencies_that_are_owed_one() -> None:
    hit = replace(REFERRED, state=AlertState.CONFIRMED)
    assert replace(hit, agencies_owed=("KPK", "BNN")).agencies == ("KPK", "BNN")
    assert hit.agencies == (hit.orders[0].requesting_agency,)


def test_a_hit_whose_orders_have_ended_is_followed_up_and_closed() -> None:
    hit = replace(REFERRED, state=AlertState.CONFIRMED, orders_ended_at=EPOCH)
    assert offered(hit).keys() == {Step.FOLLOW_UP, Step.CLOSE}


def test_a_cleared_alert_can_be_closed_and_a_closed_one_is_over() -> None:
    assert offered(replace(REFERRED, state=AlertState.CLEARED)) == {Step.CLOSE: None}
    assert offered(replace(REFERRED, state=AlertState.CLOSED)) == {}


@pytest.mark.parametrize(
    ("alert", "steps"),
    [
        (make_alert(), {Step.CLEAR: None}),
        (held_by(BUDI), {Step.RELEASE: None, Step.CLEAR: None}),
        (held_by(SITI), {Step.RELEASE: Hindrance.HELD, Step.CLEAR: Hindrance.HELD}),
        (REFERRED, {Step.CLEAR: None}),
        (UNDETERMINED, {Step.CLEAR: Hindrance.SUPERVISOR}),
    ],
    ids=["new", "held", "another's", "referred", "undetermined"],
)
def test_an_alert_whose_orders_have_ended_can_only_be_cleared(
    alert: Alert, steps: dict[Step, Hindrance | None]
) -> None:
    assert offered(replace(alert, orders_ended_at=EPOCH)) == steps


@pytest.mark.parametrize("alert", [make_alert(), held_by(BUDI), REFERRED])
def test_without_a_person_nothing_can_be_done(alert: Alert) -> None:
    assert set(offered(alert, None).values()) == {Hindrance.SIGN_IN}
    first = replace(OFFICER, password_change_needed=True)
    assert set(offered(alert, first).values()) == {Hindrance.SIGN_IN}


def test_a_supervisor_judges_where_no_officer_is_there() -> None:
    assert set(offered(make_alert(), SUPERVISOR).values()) == {None}


@pytest.mark.parametrize("alert", [held_by(BUDI), REFERRED, UNDETERMINED], ids=["held", "referred", "undetermined"])
def test_a_supervisor_takes_over_what_another_holds_or_has_judged(alert: Alert) -> None:
    assert offered(alert, SUPERVISOR)[Step.TAKE_OVER] is None
    assert Step.TAKE_OVER not in offered(alert, OFFICER)
    assert Step.TAKE_OVER not in offered(held_by(SITI), SUPERVISOR), "they hold it"


def test_a_hit_whose_reference_is_owed_gets_it_or_is_taken_back_before_it_is_closed() -> None:
    finding = Finding(Outcome.CONFIRMED, Reason.CENTRAL_SYSTEM_DOWN, "", SITI, EPOCH)
    told = FollowUp("Kejaksaan Agung", "phone", "they come", EPOCH)
    handling = replace(REFERRED.handling, findings=(*REFERRED.handling.findings, finding), follow_ups=(told,))
    hit = replace(REFERRED, state=AlertState.CONFIRMED, handling=handling)
    assert offered(hit, SUPERVISOR) == {
        Step.ENTER_REFERENCE: None,
        Step.TAKE_BACK: None,
        Step.FOLLOW_UP: None,
        Step.CLOSE: Hindrance.REFERENCE,
    }
    assert offered(hit)[Step.ENTER_REFERENCE] is Hindrance.SUPERVISOR
    entered = Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", SITI, EPOCH)
    settled = replace(hit, handling=replace(handling, findings=(*handling.findings, entered)))
    assert offered(settled, SUPERVISOR) == {Step.FOLLOW_UP: None, Step.CLOSE: None}


def test_an_auditor_looks_and_does_nothing() -> None:
    assert set(offered(make_alert(), session_of(BUDI, PersonRole.AUDITOR)).values()) == {Hindrance.ROLE}


def test_claims_of_this_person_at_this_pc_are_renewed_whatever_its_clock_says() -> None:
    own, others = held_by(BUDI), held_by(SITI)
    elsewhere = held_by(BUDI, agent="pc-2")
    alerts = [make_shown(alert) for alert in (own, others, elsewhere, make_alert(), REFERRED)]
    assert claims_to_renew(alerts, OFFICER, "pc-1") == (own.alert_id,)
    assert claims_to_renew(alerts, None, "pc-1") == ()
