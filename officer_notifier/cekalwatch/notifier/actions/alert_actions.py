"""Carries out a person's decision about an alert, for both the windows and the console's commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import grpc

from cekalwatch.contract.values.adjudication import JUDGEMENTS, STEP_OUTCOMES, AlertState, FollowUp, Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.office.alerts import Hindrance
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.session_client import Proof, SessionClient


@dataclass(frozen=True)
class SecondSignature:
    """Somebody at the officer's side, who has signed in for one step."""

    session: PersonSession
    token: str = field(repr=False)

    def hindrance(self, alert: Alert) -> Hindrance | None:
        """Return why they cannot confirm the alert."""
        judge = alert.handling.officer
        if judge and judge.person_id == self.session.person_id:
            return Hindrance.SECOND_PERSON
        return None if self.session.supervises else Hindrance.SUPERVISOR

    def must_look(self, alert: Alert) -> bool:
        """Whether they have still to look at the faces of an alert that the officer sees whole (domain rule 15)."""
        return alert.seen_by(self.session.person_id).look_needed


@dataclass(frozen=True)
class Decision:
    """A step, with its inputs: see `Step`."""

    step: Step
    reason: Reason = Reason.OTHER
    note: str = ""
    reference: str = ""
    """Reference number of Cekal Online, for CONFIRM and ENTER_REFERENCE."""
    supervisor: SecondSignature | None = None
    """For CONFIRM: the person who confirms; None means the person signed in on this PC."""
    follow_up: FollowUp | None = None
    first_look: bool = False
    """Whether it is what the person finds of the two faces before they see the rest; a judgement otherwise."""


@dataclass(frozen=True)
class AlertActions:
    """Takes steps with alerts for the signed-in person. Its calls block; errors stay grpc.RpcError."""

    alert_client: AlertClient
    sessions: SessionClient

    def carry_out(self, alert: Alert, decision: Decision) -> Alert:
        """Carry out the decision about this version of the alert; return the alert afterwards.

        A judgement of an unclaimed alert claims it first: a person who loses that race has not judged. So does a first
        look.
        """
        alert_id, version = alert.alert_id, alert.version
        step = decision.step
        if step in JUDGEMENTS:
            if alert.state is AlertState.NEW or (alert.state is not AlertState.CLAIMED and not decision.first_look):
                self.alert_client.claim(alert_id)
                version += 1  # the claim; whatever else came since, the person has not seen
            if decision.first_look:
                return self.alert_client.look(alert_id, version, STEP_OUTCOMES[step])
            return self.alert_client.adjudicate(alert_id, version, STEP_OUTCOMES[step], decision.reason, decision.note)
        if step is Step.CONFIRM:
            return self._confirm(alert, decision)
        if step is Step.FOLLOW_UP and decision.follow_up:
            return self.alert_client.record_follow_up(alert_id, version, decision.follow_up)
        client, why = self.alert_client, (decision.reason, decision.note)
        take: Mapping[Step, Callable[[], Alert]] = {
            Step.CLAIM: lambda: client.claim(alert_id),
            Step.RELEASE: lambda: client.release(alert_id),
            Step.TAKE_OVER: lambda: client.take_over(alert_id, version, *why),
            Step.CLEAR: lambda: client.clear(alert_id, version, *why),
            Step.ENTER_REFERENCE: lambda: client.enter_reference(alert_id, version, decision.reference, decision.note),
            Step.TAKE_BACK: lambda: client.clear(alert_id, version, *why),
            Step.CLOSE: lambda: client.close_alert(alert_id, version),
        }
        if step not in take:
            raise ValueError(f"{step} without what it needs")
        return take[step]()

    def sign_beside(self, proof: Proof) -> SecondSignature:
        """Sign a supervisor in at the officer's side, until `leave`."""
        return SecondSignature(*self.sessions.prove(proof))

    def look_beside(self, alert: Alert, step: Step, signature: SecondSignature) -> None:
        """Record the first look of the supervisor at the officer's side."""
        self.alert_client.look(alert.alert_id, alert.version, STEP_OUTCOMES[step], signature.token)

    def leave(self, signature: SecondSignature) -> None:
        """End the supervisor's session. It expires by itself too: nothing fails because of it."""
        with suppress(grpc.RpcError):
            self.sessions.end(signature.token)

    def _confirm(self, alert: Alert, decision: Decision) -> Alert:
        token = decision.supervisor.token if decision.supervisor else ""
        words = alert.alert_id, alert.version, decision.reference, decision.note
        return self.alert_client.confirm(*words, token, decision.reason)
