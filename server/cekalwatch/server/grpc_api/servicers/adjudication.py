"""The steps by which people work on alerts.

Each step is committed together with its entry in the audit trail, so nothing is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec
from uuid import UUID

from cekalwatch.contract.calls import alerts as calls
from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudicator
from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.alerts.reports import shift_report
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.v1 import alert_service_pb2 as pb

_Given = ParamSpec("_Given")


@dataclass(frozen=True)
class StepCalls:
    """Steps of people; each needs a signed-in person, even in plaintext."""

    adjudicator: Adjudicator
    handling: HandlingStore
    details: AlertDetailsReader
    clock: Clock
    home_site: str
    """The site of a shift's figures if the caller's device has none."""
    is_of_port: Callable[[UUID], bool]
    """Whether a port's own server keeps an alert; it blocks."""

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.RECORD_LOOK, self._look),
            serve(calls.CLAIM_ALERT, self._claim),
            serve(calls.RELEASE_ALERT, self._release),
            serve(calls.TAKE_OVER_ALERT, self._take_over),
            serve(calls.ADJUDICATE_ALERT, self._adjudicate),
            serve(calls.UNDO_JUDGEMENT, self._undo),
            serve(calls.CONFIRM_ALERT, self._confirm),
            serve(calls.ENTER_REFERENCE, self._enter_reference),
            serve(calls.CLEAR_ALERT, self._clear),
            serve(calls.RECORD_FOLLOW_UP, self._follow_up),
            serve(calls.CLOSE_ALERT, self._close),
            serve(calls.GET_SHIFT_REPORT, self._report),
        )

    def _look(self, request: pb.RecordLookRequest) -> ShownAlert:
        """Record what the caller finds of the two faces, before the rest is shown to them."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        _agent_of_caller(request.agent_id)
        return self._shown(alert_id, self.adjudicator.look, who, read.outcome(request.finding), request.version)

    def _claim(self, request: pb.ClaimAlertRequest) -> ShownAlert:
        """Give the alert to the caller, or renew the caller's claim."""
        alert_id, agent = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id)
        return self._shown(alert_id, self.adjudicator.claim, acting_person(), agent)

    def _release(self, request: pb.ReleaseAlertRequest) -> ShownAlert:
        alert_id, agent = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id)
        return self._shown(alert_id, self.adjudicator.release, acting_person(), agent)

    def _take_over(self, request: pb.TakeOverAlertRequest) -> ShownAlert:
        """Give the alert to the supervisor who calls."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        return self._shown(alert_id, self.adjudicator.take_over, who, agent, read.taking_over(request))

    def _adjudicate(self, request: pb.AdjudicateAlertRequest) -> ShownAlert:
        """Record the finding of the officer who holds the alert."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        return self._shown(alert_id, self.adjudicator.adjudicate, who, agent, read.adjudication(request))

    def _undo(self, request: pb.UndoJudgementRequest) -> ShownAlert:
        """Undo the caller's judgement of a moment ago."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        subject_id = read.candidate(request.subject_id, "subject_id")
        return self._shown(alert_id, self.adjudicator.undo, who, agent, subject_id)

    def _confirm(self, request: pb.ConfirmAlertRequest) -> ShownAlert:
        """Confirm the alert, as the second person."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        reference, confirmation = read.reference(request.cekal_online_reference), read.confirmation(request)
        return self._shown(alert_id, self.adjudicator.confirm, who, reference, confirmation)

    def _enter_reference(self, request: pb.EnterReferenceRequest) -> ShownAlert:
        """Enter the reference number that a hit owes."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        reference, note, version = read.reference(request.cekal_online_reference), request.note, request.version
        return self._shown(alert_id, self.adjudicator.enter_reference, who, reference, note, version)

    def _clear(self, request: pb.ClearAlertRequest) -> ShownAlert:
        """Clear a referred or undecided alert, or take back a hit whose reference number is owed."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        return self._shown(alert_id, self.adjudicator.clear, who, read.clearing(request))

    def _follow_up(self, request: pb.RecordFollowUpRequest) -> ShownAlert:
        """Record a contact with the requesting agency."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        follow_up = read.follow_up(request.follow_up, who.person.reference, self.clock.now())
        return self._shown(alert_id, self.adjudicator.follow_up, who, follow_up, request.version)

    def _close(self, request: pb.CloseAlertRequest) -> ShownAlert:
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        return self._shown(alert_id, self.adjudicator.close, who, request.version)

    def _report(self, request: pb.GetShiftReportRequest) -> ShiftReport:
        """Return the figures of a shift at one site."""
        start, end = read.span(request, self.clock.now())
        site = current_caller().one_site(read.site(request.site), self.home_site)
        return shift_report(self.handling.raised_between(site, start, end))

    def _shown(
        self,
        alert_id: UUID,
        step: Callable[Concatenate[UUID, _Given], Alert],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> ShownAlert:
        """Take a step, and return the alert as the caller sees it then."""
        try:
            return self.details.of(step(alert_id, *given, **named)).seen_by(current_caller().judges)
        except CekalwatchError as error:
            if error.code is Code.ALERT_NOT_FOUND and self.is_of_port(alert_id):
                raise CekalwatchError(Code.ALERT_OF_PORT) from None
            raise


def _agent_of_caller(value: str) -> str:
    agent_id = read.agent_id(value)
    current_caller().sit_at(agent_id)
    return agent_id


def acting_person() -> ActingPerson:
    """Return the person who calls; raises SIGN_IN_NEEDED."""
    who = current_caller()
    return ActingPerson(who.signed_in().person, who.actor, who.sees)
