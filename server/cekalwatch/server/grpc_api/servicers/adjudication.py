"""The part of AlertService in which people work on alerts.

Each step is committed together with its entry in the audit trail, so nothing is recorded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from cekalwatch.contract.codec.alerts import ALERT, SHIFT_REPORT
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.server.alerts.adjudication import ActingPerson, Adjudicator
from cekalwatch.server.alerts.details import AlertDetails, AlertDetailsReader
from cekalwatch.server.alerts.reports import shift_report
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.v1 import alert_pb2
from cekalwatch.v1 import alert_service_pb2 as pb


class AdjudicationMethods:
    """Calls of people; each needs a signed-in person, even in plaintext."""

    def __init__(
        self,
        adjudicator: Adjudicator,
        handling: HandlingStore,
        details: AlertDetailsReader,
        clock: Clock,
        home_site: str,
        is_of_port: Callable[[UUID], bool],
    ) -> None:
        """`home_site` is the site of a shift's figures if the caller's device has none.

        `is_of_port` says whether a port's own server keeps an alert; it blocks.
        """
        self._is_of_port = is_of_port
        self._adjudicator = adjudicator
        self._handling = handling
        self._details = details
        self._clock = clock
        self._home_site = home_site

    async def RecordLook(self, request: pb.RecordLookRequest, context: Context) -> pb.RecordLookResponse:
        """Record what the caller finds of the two faces, before the rest is shown to them."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        _agent_of_caller(request.agent_id)
        finding = read.outcome(request.finding)
        return pb.RecordLookResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.look(alert_id, who, finding, request.version))
        )

    async def ClaimAlert(self, request: pb.ClaimAlertRequest, context: Context) -> pb.ClaimAlertResponse:
        """Give the alert to the caller, or renew the caller's claim."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        return pb.ClaimAlertResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.claim(alert_id, who, agent))
        )

    async def ReleaseAlert(self, request: pb.ReleaseAlertRequest, context: Context) -> pb.ReleaseAlertResponse:
        """Give the alert back."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        return pb.ReleaseAlertResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.release(alert_id, who, agent))
        )

    async def TakeOverAlert(self, request: pb.TakeOverAlertRequest, context: Context) -> pb.TakeOverAlertResponse:
        """Give the alert to the supervisor who calls."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        taken = read.taking_over(request)
        return pb.TakeOverAlertResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.take_over(alert_id, who, agent, taken))
        )

    async def AdjudicateAlert(self, request: pb.AdjudicateAlertRequest, context: Context) -> pb.AdjudicateAlertResponse:
        """Record the finding of the officer who holds the alert."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        adjudication = read.adjudication(request)
        alert = await self._do(alert_id, lambda: self._adjudicator.adjudicate(alert_id, who, agent, adjudication))
        return pb.AdjudicateAlertResponse(alert=alert)

    async def UndoJudgement(self, request: pb.UndoJudgementRequest, context: Context) -> pb.UndoJudgementResponse:
        """Undo the caller's judgement of a moment ago."""
        alert_id, agent, who = read.alert_id(request.alert_id), _agent_of_caller(request.agent_id), acting_person()
        subject_id = read.candidate(request.subject_id, "subject_id")
        return pb.UndoJudgementResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.undo(alert_id, who, agent, subject_id))
        )

    async def ConfirmAlert(self, request: pb.ConfirmAlertRequest, context: Context) -> pb.ConfirmAlertResponse:
        """Confirm the alert, as the second person."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        reference, confirmation = read.reference(request.cekal_online_reference), read.confirmation(request)
        alert = await self._do(alert_id, lambda: self._adjudicator.confirm(alert_id, who, reference, confirmation))
        return pb.ConfirmAlertResponse(alert=alert)

    async def EnterReference(self, request: pb.EnterReferenceRequest, context: Context) -> pb.EnterReferenceResponse:
        """Enter the reference number that a hit owes."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        reference = read.reference(request.cekal_online_reference)
        alert = await self._do(
            alert_id,
            lambda: self._adjudicator.enter_reference(alert_id, who, reference, request.note, request.version),
        )
        return pb.EnterReferenceResponse(alert=alert)

    async def ClearAlert(self, request: pb.ClearAlertRequest, context: Context) -> pb.ClearAlertResponse:
        """Clear a referred or undecided alert, or take back a hit whose reference number is owed."""
        alert_id, who, adjudication = read.alert_id(request.alert_id), acting_person(), read.clearing(request)
        return pb.ClearAlertResponse(
            alert=await self._do(alert_id, lambda: self._adjudicator.clear(alert_id, who, adjudication))
        )

    async def RecordFollowUp(self, request: pb.RecordFollowUpRequest, context: Context) -> pb.RecordFollowUpResponse:
        """Record a contact with the requesting agency."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        follow_up = read.follow_up(request.follow_up, who.person.person_id, self._clock.now())
        alert = await self._do(alert_id, lambda: self._adjudicator.follow_up(alert_id, who, follow_up, request.version))
        return pb.RecordFollowUpResponse(alert=alert)

    async def CloseAlert(self, request: pb.CloseAlertRequest, context: Context) -> pb.CloseAlertResponse:
        """Close a confirmed or cleared alert."""
        alert_id, who = read.alert_id(request.alert_id), acting_person()
        alert = await self._do(alert_id, lambda: self._adjudicator.close(alert_id, who, request.version))
        return pb.CloseAlertResponse(alert=alert)

    async def GetShiftReport(self, request: pb.GetShiftReportRequest, context: Context) -> pb.GetShiftReportResponse:
        """Return the figures of a shift at one site."""
        who = current_caller()
        start, end = read.span(request, self._clock.now())
        site = who.one_site(read.site(request.site), self._home_site)

        def report() -> ShiftReport:
            return shift_report(self._handling.raised_between(site, start, end))

        return SHIFT_REPORT.write(await asyncio.to_thread(report))

    async def _do(self, alert_id: UUID, step: Callable[[], Alert]) -> alert_pb2.Alert:
        def done() -> AlertDetails:
            try:
                return self._details.of(step())
            except CekalwatchError as error:
                if error.code is Code.ALERT_NOT_FOUND and self._is_of_port(alert_id):
                    raise CekalwatchError(Code.ALERT_OF_PORT) from None
                raise

        judges = current_caller().judges
        return ALERT.write((await asyncio.to_thread(done)).seen_by(judges))


def _agent_of_caller(value: str) -> str:
    agent_id = read.agent_id(value)
    current_caller().sit_at(agent_id)
    return agent_id


def acting_person() -> ActingPerson:
    """Return the person who calls; raises SIGN_IN_NEEDED."""
    who = current_caller()
    return ActingPerson(who.signed_in().person, who.actor, who.sees)
