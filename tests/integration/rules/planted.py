"""Faults that are put into the product, one for each rule, to see that the drawn days find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.orders import Direction, OrderRule
from cekalwatch.server.alerts.adjudication import Adjudicator
from cekalwatch.server.alerts.automatic_steps import AlertWatch, OrderWatch
from cekalwatch.server.capture import candidates
from cekalwatch.server.capture.deciding import Decider
from cekalwatch.server.capture.exercises import ExerciseIntake
from cekalwatch.server.capture.passages import Track
from cekalwatch.server.domain.alerts import handling
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.handling import Circumstances, Handling, Watched
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.captures import CameraClock
from cekalwatch.server.domain.orders import law, person_orders
from cekalwatch.server.domain.people import Person
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery import snapshot
from cekalwatch.server.recognition.probes import CaptureEmbedder
from cekalwatch.server.storage.alerts import store
from cekalwatch.server.storage.people.store import PeopleStore
from tests.integration.rules.office import machine

Planting = Callable[[pytest.MonkeyPatch], None]


def a_hit_does_not_hear_that_its_orders_have_ended(patch: pytest.MonkeyPatch) -> None:
    """Rule 1."""
    real = Handling.with_orders

    def with_orders(self: Handling, *told: Any, **facts: Any) -> Handling:
        return self if self.state is AlertState.CONFIRMED else real(self, *told, **facts)

    patch.setattr(Handling, "with_orders", with_orders)


def every_order_is_for_departures(patch: pytest.MonkeyPatch) -> None:
    """Rule 2."""
    patch.setattr(candidates, "alerts_on", lambda _: Direction.DEPARTURE)


def a_track_is_one_person(patch: pytest.MonkeyPatch) -> None:
    """Rule 3."""
    real = Track.add
    patch.setattr(Track, "add", lambda self, key, template, quality, _: real(self, key, template, quality, None))
    patch.setattr(Decider, "_part_look_alikes", lambda *_: None)


def what_came_since_may_be_unseen(patch: pytest.MonkeyPatch) -> None:
    """Rule 4."""
    real = Circumstances.check
    patch.setattr(Circumstances, "check", lambda self, held, step: real(replace(self, unchanged=True), held, step))


def whoever_was_found_to_be_somebody_else_is_stopped_again(patch: pytest.MonkeyPatch) -> None:
    """Rule 5."""

    def answers(self: Alert, met: Candidate, seen_at: Any) -> bool:  # noqa: ARG001  # as it is called
        return self.open and self.has(met.subject_id)

    patch.setattr(Alert, "answers", answers)


def a_lease_goes_by_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Rule 6."""
    real = AlertWatch.watched

    def watched(self: AlertWatch, alert_id: Any, held: Handling) -> Watched:
        lease = handling.HandlingPolicy().lease
        over = held.claim is not None and self._clock.now() >= held.claim.expires_at
        return replace(real(self, alert_id, held), claim=lease if over else lease - lease.resolution)

    patch.setattr(AlertWatch, "watched", watched)


def a_sign_out_releases_nothing(patch: pytest.MonkeyPatch) -> None:
    """Rule 6."""
    patch.setattr(Adjudicator, "signed_out", lambda *_: None)


def the_look_of_a_disabled_officer_counts(patch: pytest.MonkeyPatch) -> None:
    """Rule 6."""
    real = PeopleStore.person

    def person(self: PeopleStore, person_id: Any) -> Person | None:
        found = real(self, person_id)
        return found and replace(found, disabled=False)

    patch.setattr(PeopleStore, "person", person)


def a_hit_is_closed_after_one_agency(patch: pytest.MonkeyPatch) -> None:
    """Rule 6."""
    real = Handling.closed
    patch.setattr(Handling, "closed", lambda self, told: real(self, replace(told, agencies_owed=())))


def only_the_first_passage_rings(patch: pytest.MonkeyPatch) -> None:
    """Rule 7."""
    patch.setattr(Alert, "_ask", lambda self, one: self._asked_anew(str(self.raised_at)) if not one.late else "")


def officers_are_told_the_first_place(patch: pytest.MonkeyPatch) -> None:
    """Rule 7."""
    patch.setattr(ShownAlert, "place", property(lambda self: self.camera))


def a_non_match_is_written(patch: pytest.MonkeyPatch) -> None:
    """Rule 8."""
    real = CaptureEmbedder.embed

    def embed(self: CaptureEmbedder, captures: Any) -> Any:
        for one in captures:
            (machine().folder / "server" / f"{one.capture_id}.jpg").write_bytes(one.jpeg)
        return real(self, captures)

    patch.setattr(CaptureEmbedder, "embed", embed)


def who_has_no_order_any_more_is_searched(patch: pytest.MonkeyPatch) -> None:
    """Rule 9."""
    patch.setattr(snapshot, "_without_ended", lambda gallery, *_: gallery)


def a_receipt_tells_a_match(patch: pytest.MonkeyPatch) -> None:
    """Rule 13."""
    real = Decider._settle

    def settle(self: Decider, *told: Any) -> Any:
        before = self.alerts_raised
        outcome = real(self, *told)
        return outcome if self.alerts_raised == before else CekalwatchError(Code.STORAGE_UNAVAILABLE)

    patch.setattr(Decider, "_settle", settle)


def a_wrong_clock_is_believed(patch: pytest.MonkeyPatch) -> None:
    """Rule 14."""
    patch.setattr(CameraClock, "ahead", property(lambda _: None))


def names_are_told_before_a_first_look(patch: pytest.MonkeyPatch) -> None:
    """Rule 15."""
    patch.setattr(ShownAlert, "seen_by", lambda self, _: self)


def a_look_at_one_face_is_a_look_at_all(patch: pytest.MonkeyPatch) -> None:
    """Rule 15."""
    real = ShownAlert.seen_by

    def seen_by(self: ShownAlert, person_id: str) -> ShownAlert:
        return self if self.handling.seen_by(person_id) else real(self, person_id)

    patch.setattr(ShownAlert, "seen_by", seen_by)


def an_exercise_stands_beside_a_real_alert(patch: pytest.MonkeyPatch) -> None:
    """Rule 16."""
    patch.setattr(store, "give_way", lambda *_: None)


def an_exercise_alerts_whom_it_resembles(patch: pytest.MonkeyPatch) -> None:
    """Rule 16."""
    patch.setattr(ExerciseIntake, "marked", lambda _, capture, __: capture)


def too_long_is_void(patch: pytest.MonkeyPatch) -> None:
    """The section on orders."""
    real = law._broken_alone

    def broken(order: Any, held: Any) -> set[OrderRule]:
        capped = person_orders.last_day(order, held) < order.valid_until
        return real(order, held) | ({OrderRule.EXTENDED_TWICE} if capped else set())

    patch.setattr(law, "_broken_alone", broken)


def another_law_reaches_open_alerts_the_next_day(patch: pytest.MonkeyPatch) -> None:
    """The section on orders."""
    real = OrderWatch.look

    def look(self: OrderWatch) -> int:
        law, today = self._checkpoints.law, self._clock.now().date()
        self._checkpoints.law = vars(self).setdefault(f"_law_of_{today}", law)
        try:
            return real(self)
        finally:
            self._checkpoints.law = law

    patch.setattr(OrderWatch, "look", look)


PLANTED: tuple[Planting, ...] = (
    a_hit_does_not_hear_that_its_orders_have_ended,
    every_order_is_for_departures,
    a_track_is_one_person,
    what_came_since_may_be_unseen,
    whoever_was_found_to_be_somebody_else_is_stopped_again,
    a_lease_goes_by_the_clock,
    a_sign_out_releases_nothing,
    the_look_of_a_disabled_officer_counts,
    a_hit_is_closed_after_one_agency,
    only_the_first_passage_rings,
    officers_are_told_the_first_place,
    a_non_match_is_written,
    who_has_no_order_any_more_is_searched,
    a_receipt_tells_a_match,
    a_wrong_clock_is_believed,
    names_are_told_before_a_first_look,
    a_look_at_one_face_is_a_look_at_all,
    an_exercise_stands_beside_a_real_alert,
    an_exercise_alerts_whom_it_resembles,
    too_long_is_void,
    another_law_reaches_open_alerts_the_next_day,
)
