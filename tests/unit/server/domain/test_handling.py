"""An alert goes only where the rules let it, whoever does what when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cekalwatch.contract.values.adjudication import (
    MAX_NOTE,
    OFFICERS_OUTCOMES,
    REASONS,
    UNDO_FOR,
    AlertState,
    Escalation,
    Outcome,
    Reason,
)
from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp
from cekalwatch.server.domain.alerts.handling import (
    MAX_FOLLOW_UPS,
    Circumstances,
    Claim,
    Handling,
    HandlingPolicy,
    Holder,
    Watched,
)
from cekalwatch.server.domain.people import Person, TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code

T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)
POLICY = HandlingPolicy()
LEASE, PATIENCE = POLICY.lease, POLICY.to_supervisor


def person(number: int, *roles: PersonRole) -> Person:
    return Person(UUID(int=number), f"person-{number}", "Contoh", frozenset(roles), frozenset({"batam-center"}))


OFFICER = person(1, PersonRole.OFFICER)
COLLEAGUE = person(2, PersonRole.OFFICER)
SUPERVISOR = person(3, PersonRole.SUPERVISOR)
BOTH = person(4, PersonRole.OFFICER, PersonRole.SUPERVISOR)
HERE = Holder(OFFICER.reference, "desk-1")
THERE = Holder(COLLEAGUE.reference, "desk-2")
SEEN = Circumstances(unchanged=True, order_in_force=True)
ENDED = replace(SEEN, order_in_force=False)
CHANGED = replace(SEEN, unchanged=False)
DEFAULT_REASON = {
    Outcome.NOT_SAME_PERSON: Reason.FACE_DIFFERS,
    Outcome.CANNOT_DETERMINE: Reason.IMAGE_TOO_POOR,
    Outcome.REFERRED: Reason.FACE_AGREES,
    Outcome.CONFIRMED: Reason.LISTED_IN_CEKAL_ONLINE,
    Outcome.CLEARED: Reason.NOT_LISTED_IN_CEKAL_ONLINE,
    Outcome.TAKEN_OVER: Reason.HOLDER_AWAY,
    Outcome.UNDONE: Reason.ANOTHER_LOOK,
}


def finding(outcome: Outcome, by: Person = OFFICER) -> Finding:
    return Finding(outcome, DEFAULT_REASON[outcome], "", by.reference, T0)


def follow_up() -> FollowUp:
    return FollowUp("Kejaksaan Agung", "duty desk, by telephone", "two officers come", T0, OFFICER.reference, T0)


def new() -> Handling:
    return Handling(raised_at=T0)


def claimed() -> Handling:
    return new().claimed(HERE, T0, POLICY)


def judged(outcome: Outcome) -> Handling:
    alert = claimed()
    return alert.adjudicated(HERE, finding(outcome), T0, SEEN)


def escalated(alert: Handling, now: datetime) -> Handling:
    """As a server does that began just now, with a right clock."""
    return alert.escalated(now, POLICY, Watched())


def confirm(alert: Handling, first: Person = OFFICER, second: Person = SUPERVISOR, **changes: object) -> Handling:
    people = TwoPeople(TwoPersonAction.CONFIRM_ALERT, first, second)
    words: dict[str, object] = {"reference": "CO-2026/0117", "circumstances": SEEN}
    return alert.confirmed(people, finding(Outcome.CONFIRMED, second), policy=POLICY, **words | changes)  # type: ignore[arg-type]


def provisional(alert: Handling, first: Person = OFFICER, second: Person = SUPERVISOR) -> Handling:
    people = TwoPeople(TwoPersonAction.CONFIRM_ALERT, first, second)
    found = replace(finding(Outcome.CONFIRMED, second), reason=Reason.CENTRAL_SYSTEM_DOWN)
    return alert.confirmed(people, found, "", POLICY, SEEN)


def clear(alert: Handling, by: Person = SUPERVISOR) -> Handling:
    return alert.cleared(by, finding(Outcome.CLEARED, by), SEEN)


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(CekalwatchError) as caught:
        step()
    return caught.value.code


def test_a_referred_alert_is_confirmed_followed_up_and_closed() -> None:
    hit = confirm(judged(Outcome.REFERRED))
    told = hit.followed_up(follow_up(), SEEN)
    done = told.closed(SEEN)
    assert (hit.state, hit.reference) == (AlertState.CONFIRMED, "CO-2026/0117")
    assert (done.state, done.follow_ups) == (AlertState.CLOSED, (follow_up(),))
    assert [one.outcome for one in done.findings] == [Outcome.REFERRED, Outcome.CONFIRMED]


def test_not_the_same_person_clears_the_alert() -> None:
    assert judged(Outcome.NOT_SAME_PERSON).state is AlertState.CLEARED


def test_of_two_who_claim_one_wins() -> None:
    assert code_of(lambda: claimed().claimed(THERE, T0, POLICY)) is Code.ALERT_HELD


def test_the_same_person_at_another_pc_does_not_take_the_claim_over() -> None:
    elsewhere = replace(HERE, agent_id="desk-2")
    assert code_of(lambda: claimed().claimed(elsewhere, T0, POLICY)) is Code.ALERT_HELD


def test_a_holder_renews_and_nothing_else_changes() -> None:
    later = T0 + LEASE / 2
    again = claimed().claimed(HERE, later, POLICY)
    assert again == replace(claimed(), claim=Claim.of(HERE, later + LEASE))
    assert again.claimed(HERE, later, POLICY).claim != again.claim, "it counts from its renewal, if no clock does"


def test_a_claim_that_runs_out_frees_the_alert_for_others() -> None:
    assert claimed().lapsed(Watched(LEASE - timedelta(microseconds=1)), POLICY) == claimed()
    freed = claimed().lapsed(Watched(LEASE), POLICY)
    assert (freed.state, freed.claim, freed.waits_since) == (AlertState.NEW, None, T0)
    assert freed.claimed(THERE, T0 + LEASE, POLICY).claim == Claim.of(THERE, T0 + 2 * LEASE)


def test_a_judgement_after_the_claim_ran_out_is_refused() -> None:
    freed = claimed().lapsed(Watched(LEASE), POLICY)
    step = lambda: freed.adjudicated(HERE, finding(Outcome.REFERRED), T0 + LEASE, SEEN)  # noqa: E731
    assert code_of(step) is Code.ALERT_NOT_CLAIMED


def test_a_released_alert_is_new_again_and_goes_on_waiting() -> None:
    free = new().claimed(HERE, T0 + timedelta(seconds=20), POLICY).released(HERE)
    assert (free.state, free.claim, free.waits_since) == (AlertState.NEW, None, T0)
    assert code_of(lambda: claimed().released(THERE)) is Code.ALERT_HELD
    assert code_of(lambda: free.released(HERE)) is Code.ALERT_NOT_CLAIMED


@pytest.mark.parametrize(
    ("waited", "level"),
    [
        (PATIENCE - timedelta(microseconds=1), Escalation.COUNTER),
        (PATIENCE, Escalation.SUPERVISOR),
        (2 * PATIENCE, Escalation.SITE),
        (timedelta(days=3), Escalation.SITE),
    ],
)
@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=1)])
def test_an_unclaimed_alert_goes_up(waited: timedelta, level: Escalation, ahead: timedelta) -> None:
    """The clock was ahead when it was raised, and was set back: it waited as long as a server saw it wait."""
    assert new().escalated(T0 + waited - ahead, POLICY, Watched(wait=waited)).escalation is level


def test_a_claim_stops_escalation_and_its_end_lets_it_go_on() -> None:
    held = new().claimed(HERE, T0, POLICY)
    assert escalated(held, T0 + LEASE - timedelta(seconds=1)) == held
    assert escalated(held.lapsed(Watched(LEASE), POLICY), T0 + LEASE).escalation is Escalation.SUPERVISOR


def test_an_alert_of_the_whole_site_is_announced_again_until_somebody_claims_it() -> None:
    up = escalated(new(), T0 + 2 * PATIENCE)
    last = T0 + 2 * PATIENCE
    assert escalated(up, last + POLICY.again - timedelta(microseconds=1)) == up
    once = escalated(up, last + POLICY.again)
    assert (once.escalation, once.escalated_at, once.escalations) == (Escalation.SITE, last + POLICY.again, 2)
    held = once.claimed(HERE, last + POLICY.again, POLICY)
    assert escalated(held, last + POLICY.again + LEASE / 2) == held


@pytest.mark.parametrize("outcome", [Outcome.REFERRED, Outcome.CANNOT_DETERMINE])
def test_what_is_referred_or_undecided_for_too_long_goes_to_the_supervisors_again_and_again(outcome: Outcome) -> None:
    waiting = judged(outcome)
    assert escalated(waiting, T0 + UNDO_FOR - timedelta(microseconds=1)) == waiting
    told = escalated(waiting, T0 + UNDO_FOR)
    assert (told.state, told.escalation, told.escalations) == (waiting.state, Escalation.COUNTER, 1)
    assert escalated(told, T0 + POLICY.to_settle - timedelta(microseconds=1)) == told
    first = escalated(told, T0 + POLICY.to_settle)
    assert (first.state, first.escalation, first.escalations) == (waiting.state, Escalation.SUPERVISOR, 2)
    second = escalated(first, T0 + POLICY.to_settle + POLICY.again)
    assert (second.escalation, second.escalations) == (Escalation.SUPERVISOR, 3)
    settled = clear(second)
    assert escalated(settled, T0 + timedelta(days=3)) == settled


def test_a_claim_that_is_renewed_for_ever_goes_to_the_supervisors() -> None:
    held, now = claimed(), T0
    while now < T0 + POLICY.to_settle:
        assert escalated(held, now) == held
        now += LEASE / 2
        held = held.claimed(HERE, now, POLICY)
    up = escalated(held, now)
    assert (up.state, up.claim, up.escalation) == (AlertState.CLAIMED, held.claim, Escalation.SUPERVISOR)


def ended(alert: Handling) -> Handling:
    return alert.with_orders(T0, in_force=False)


@pytest.mark.parametrize("outcome", [None, Outcome.REFERRED, Outcome.CANNOT_DETERMINE])
def test_an_alert_whose_orders_ended_escalates_no_more_and_can_only_be_cleared(outcome: Outcome | None) -> None:
    alert = ended(judged(outcome) if outcome else new())
    assert escalated(alert, T0 + timedelta(days=3)) == alert
    if outcome is None:
        assert code_of(lambda: alert.claimed(HERE, T0, POLICY)) is Code.ORDER_NOT_IN_FORCE
    else:
        assert code_of(lambda: confirm(alert)) is Code.ORDER_NOT_IN_FORCE
    assert clear(alert).state is AlertState.CLEARED
    assert clear(alert).closed(SEEN).state is AlertState.CLOSED


def test_the_holder_of_an_alert_whose_orders_ended_clears_it_and_nobody_else() -> None:
    held = ended(claimed())
    for outcome in (Outcome.REFERRED, Outcome.CANNOT_DETERMINE, Outcome.NOT_SAME_PERSON):
        step = lambda outcome=outcome: held.adjudicated(HERE, finding(outcome), T0, SEEN)  # noqa: E731
        assert code_of(step) is Code.ORDER_NOT_IN_FORCE
    assert code_of(lambda: clear(held, COLLEAGUE)) is Code.ALERT_HELD
    cleared = clear(held, OFFICER)
    assert (cleared.state, cleared.claim) == (AlertState.CLEARED, None)


def test_an_alert_whose_order_is_in_force_again_waits_from_then() -> None:
    later = T0 + timedelta(hours=1)
    again = ended(new()).with_orders(later, in_force=True)
    assert again.orders_ended_at is None
    assert escalated(again, later + PATIENCE - timedelta(microseconds=1)) == again
    assert escalated(again, later + PATIENCE).escalation is Escalation.SUPERVISOR
    assert again.claimed(HERE, later, POLICY).state is AlertState.CLAIMED


@pytest.mark.parametrize("done", [judged(Outcome.NOT_SAME_PERSON), confirm(judged(Outcome.REFERRED))])
def test_what_is_cleared_or_closed_is_not_changed_by_the_end_of_its_orders(done: Handling) -> None:
    done = done.followed_up(follow_up(), SEEN).closed(SEEN) if done.state is AlertState.CONFIRMED else done
    assert ended(done) == done


def test_a_hit_whose_order_has_ended_says_so_and_can_still_be_followed_up_and_closed() -> None:
    hit = ended(confirm(judged(Outcome.REFERRED)))
    assert (hit.state, hit.orders_ended_at) == (AlertState.CONFIRMED, T0)
    assert hit.followed_up(follow_up(), ENDED).closed(ENDED).state is AlertState.CLOSED
    assert code_of(lambda: confirm(hit)) is Code.ALERT_STATE_WRONG


def test_what_has_gone_up_stays_up() -> None:
    up = escalated(new(), T0 + PATIENCE)
    free = up.claimed(HERE, T0 + PATIENCE, POLICY).released(HERE)
    assert escalated(free, T0 + PATIENCE).escalation is Escalation.SUPERVISOR


@pytest.mark.parametrize("outcome", [Outcome.REFERRED])
def test_nobody_is_referred_without_an_order_in_force(outcome: Outcome) -> None:
    alert = claimed()
    step = lambda: alert.adjudicated(HERE, finding(outcome), T0, ENDED)  # noqa: E731
    assert code_of(step) is Code.ORDER_NOT_IN_FORCE


@pytest.mark.parametrize("outcome", [Outcome.NOT_SAME_PERSON, Outcome.CANNOT_DETERMINE])
def test_an_alert_whose_order_ended_can_still_be_judged_otherwise(outcome: Outcome) -> None:
    alert = claimed()
    after = alert.adjudicated(HERE, finding(outcome), T0, ENDED)
    assert after.findings[-1].outcome is outcome


def test_nobody_is_confirmed_without_an_order_in_force() -> None:
    assert code_of(lambda: confirm(judged(Outcome.REFERRED), circumstances=ENDED)) is Code.ORDER_NOT_IN_FORCE


def test_who_judged_cannot_confirm() -> None:
    alert = claimed()
    own = Holder(BOTH.reference, "desk-1")
    alert = new().claimed(own, T0, POLICY)
    alert = alert.adjudicated(own, finding(Outcome.REFERRED, BOTH), T0, SEEN)
    assert code_of(lambda: confirm(alert, BOTH, BOTH)) is Code.SAME_PERSON_TWICE


def test_another_officer_is_not_put_in_the_place_of_the_one_who_judged() -> None:
    assert code_of(lambda: confirm(judged(Outcome.REFERRED), COLLEAGUE, SUPERVISOR)) is Code.SAME_PERSON_TWICE


@pytest.mark.parametrize("reference", ["", "co-1", "A B C D", "CO-1\n", "X" * 65, "CO-2026/0117 "])
def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    assert code_of(lambda: confirm(judged(Outcome.REFERRED), reference=reference)) is Code.REFERENCE_INVALID


def test_what_could_not_be_determined_waits_for_a_supervisor() -> None:
    unclear = judged(Outcome.CANNOT_DETERMINE)
    assert code_of(lambda: clear(unclear, OFFICER)) is Code.PERSON_ROLE_NEEDED
    assert clear(unclear, SUPERVISOR).state is AlertState.CLEARED
    assert confirm(unclear).state is AlertState.CONFIRMED


def test_an_officer_clears_what_cekal_online_does_not_list() -> None:
    assert clear(judged(Outcome.REFERRED), COLLEAGUE).state is AlertState.CLEARED


def test_a_hit_is_not_closed_before_anybody_was_told() -> None:
    hit = confirm(judged(Outcome.REFERRED))
    assert code_of(lambda: hit.closed(SEEN)) is Code.FOLLOW_UP_MISSING


def test_follow_ups_are_bounded() -> None:
    hit = confirm(judged(Outcome.REFERRED))
    full = replace(hit, follow_ups=(follow_up(),) * MAX_FOLLOW_UPS)
    assert code_of(lambda: full.followed_up(follow_up(), SEEN)) is Code.TOO_MANY_FOLLOW_UPS


@pytest.mark.parametrize(
    "step",
    [
        lambda: claimed().adjudicated(HERE, finding(Outcome.REFERRED), T0, CHANGED),
        lambda: confirm(judged(Outcome.REFERRED), circumstances=CHANGED),
        lambda: judged(Outcome.REFERRED).cleared(SUPERVISOR, finding(Outcome.CLEARED, SUPERVISOR), CHANGED),
        lambda: confirm(judged(Outcome.REFERRED)).followed_up(follow_up(), CHANGED),
        lambda: judged(Outcome.NOT_SAME_PERSON).closed(CHANGED),
    ],
)
def test_a_step_on_what_has_changed_since_is_refused(step: Callable[[], object]) -> None:
    assert code_of(step) is Code.ALERT_CHANGED


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("reason", list(Reason))
def test_each_outcome_takes_its_own_reasons(outcome: Outcome, reason: Reason) -> None:
    if reason in REASONS[outcome]:
        assert Finding(outcome, reason, "as told", OFFICER.reference, T0).reason is reason
    else:
        assert code_of(lambda: Finding(outcome, reason, "", OFFICER.reference, T0)) is Code.REASON_INVALID


@pytest.mark.parametrize("note", ["", "  \n", "x" * (MAX_NOTE + 1), "bell\a", "\ud800"])
def test_another_reason_needs_a_note_that_can_be_shown(note: str) -> None:
    refused = lambda: Finding(Outcome.CLEARED, Reason.OTHER, note, OFFICER.reference, T0)  # noqa: E731
    assert code_of(refused) is Code.NOTE_INVALID


EDGES = {
    AlertState.NEW: {AlertState.CLAIMED, AlertState.CLEARED},
    AlertState.CLAIMED: {AlertState.NEW, AlertState.CLEARED, AlertState.CANNOT_DETERMINE, AlertState.REFERRED},
    AlertState.CANNOT_DETERMINE: {AlertState.CONFIRMED, AlertState.CLEARED, AlertState.CLAIMED},
    AlertState.REFERRED: {AlertState.CONFIRMED, AlertState.CLEARED, AlertState.CLAIMED},
    AlertState.CONFIRMED: {AlertState.CLOSED, AlertState.CLEARED},
    AlertState.CLEARED: {AlertState.CLOSED},
    AlertState.CLOSED: set(),
}
PEOPLE = st.sampled_from([OFFICER, COLLEAGUE, SUPERVISOR, BOTH])
HOLDERS = st.builds(Holder, PEOPLE.map(lambda one: one.reference), st.sampled_from(["desk-1", "desk-2"]))


class Life(RuleBasedStateMachine):
    """Anybody tries anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.alert, self.now = new(), T0
        self.seen = [self.alert]

    def attempt(self, step: Callable[[], Handling]) -> None:
        try:
            after = step()
        except CekalwatchError:
            return
        if after != self.alert:
            self.seen.append(after)
        self.alert = after

    @rule(seconds=st.integers(0, 200))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.attempt(lambda: self.alert.lapsed(Watched(timedelta(seconds=seconds)), POLICY))
        self.attempt(lambda: escalated(self.alert, self.now))

    @rule(in_force=st.booleans())
    def orders_end_or_begin(self, in_force: bool) -> None:
        self.attempt(lambda: self.alert.with_orders(self.now, in_force=in_force))

    @rule(holder=HOLDERS)
    def claim(self, holder: Holder) -> None:
        self.attempt(lambda: self.alert.claimed(holder, self.now, POLICY))

    @rule(holder=HOLDERS)
    def release(self, holder: Holder) -> None:
        self.attempt(lambda: self.alert.released(holder))

    @rule(holder=HOLDERS, outcome=st.sampled_from(list(Outcome)), order=st.booleans())
    def adjudicate(self, holder: Holder, outcome: Outcome, order: bool) -> None:
        found = replace(finding(outcome), person=holder.person, found_at=self.now)
        self.attempt(
            lambda: self.alert.adjudicated(holder, found, self.now, Circumstances(unchanged=True, order_in_force=order))
        )

    @rule(first=PEOPLE, second=PEOPLE, order=st.booleans())
    def confirm(self, first: Person, second: Person, order: bool) -> None:
        self.attempt(
            lambda: confirm(
                self.alert, first, second, circumstances=Circumstances(unchanged=True, order_in_force=order)
            )
        )

    @rule(first=PEOPLE, second=PEOPLE)
    def confirm_while_cekal_online_is_away(self, first: Person, second: Person) -> None:
        self.attempt(lambda: provisional(self.alert, first, second))

    @rule(by=PEOPLE, entered=st.booleans())
    def settle_what_is_owed(self, by: Person, entered: bool) -> None:
        if entered:
            found = finding(Outcome.CONFIRMED, by)
            self.attempt(lambda: self.alert.with_reference(found, "CO-2026/0118", POLICY, SEEN))
        else:
            self.attempt(lambda: self.alert.taken_back(finding(Outcome.CLEARED, by), SEEN))

    @rule(holder=HOLDERS, subject_id=st.sampled_from(["", "S-9"]))
    def undo(self, holder: Holder, subject_id: str) -> None:
        undoing = replace(finding(Outcome.UNDONE), person=holder.person, found_at=self.now, subject_id=subject_id)
        self.attempt(lambda: self.alert.undone(holder, undoing, POLICY))

    @rule(holder=HOLDERS)
    def take_over(self, holder: Holder) -> None:
        found = replace(finding(Outcome.TAKEN_OVER), person=holder.person)
        self.attempt(lambda: self.alert.taken_over(holder, found, self.now, POLICY, SEEN))

    @rule(by=PEOPLE)
    def clear(self, by: Person) -> None:
        self.attempt(lambda: clear(self.alert, by))

    @rule()
    def follow_up(self) -> None:
        self.attempt(lambda: self.alert.followed_up(follow_up(), SEEN))

    @rule()
    def close(self) -> None:
        self.attempt(lambda: self.alert.closed(SEEN))

    @invariant()
    def it_went_only_along_the_rules(self) -> None:
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            undone = len(after.findings) > len(before.findings) and after.findings[-1].outcome is Outcome.UNDONE
            assert after.state in EDGES[before.state] | {AlertState.CLAIMED if undone else before.state}
            assert not undone or (before.findings[-1].person, before.findings[-1].outcome in OFFICERS_OUTCOMES) == (
                after.findings[-1].person,
                True,
            )
            assert after.escalation >= before.escalation
            assert after.findings[: len(before.findings)] == before.findings

    @invariant()
    def without_an_order_it_only_waits_or_is_cleared(self) -> None:
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            if before.orders_ended_at and after.orders_ended_at and before.reference_owed_since is None:
                released = (before.state, after.state) == (AlertState.CLAIMED, AlertState.NEW)
                closed = after.state in {AlertState.CLEARED, AlertState.CLOSED}
                taken_over = before.state is AlertState.CLAIMED and before.claim != after.claim
                unchanged = replace(
                    before,
                    claim=after.claim,
                    findings=after.findings if taken_over else before.findings,
                    turn=after.turn,
                    attended=after.attended,
                )
                assert released or closed or after in (unchanged, replace(unchanged, follow_ups=after.follow_ups))
                assert after.escalations == before.escalations

    @invariant()
    def a_hit_has_two_people_and_a_reference_unless_it_is_owed(self) -> None:
        outcomes = [one.outcome for one in self.alert.findings]
        if Outcome.CONFIRMED in outcomes:
            place = outcomes.index(Outcome.CONFIRMED)
            judge, confirmer = self.alert.findings[place - 1 : place + 1]
            assert judge.person != confirmer.person
            assert confirmer.person in {SUPERVISOR.reference, BOTH.reference}
        owed = self.alert.reference_owed_since is not None
        if self.alert.state is AlertState.CONFIRMED:
            assert owed != bool(self.alert.reference)
        elif self.alert.state is AlertState.CLOSED and outcomes[-1] is Outcome.CONFIRMED:
            assert self.alert.reference, "nothing that is owed is closed"
        else:
            assert not owed

    @invariant()
    def only_a_claimed_alert_has_a_holder(self) -> None:
        assert (self.alert.claim is not None) == (self.alert.state is AlertState.CLAIMED)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
