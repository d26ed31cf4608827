"""Carries out a person's decision about an alert, for both the windows and the console's commands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import grpc

from cekalwatch.contract.values.adjudication import JUDGEMENTS, STEP_OUTCOMES, AlertState, FollowUp, Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.session_client import Password, SessionClient


@dataclass(frozen=True)
class SignInProof:
    """The name and password of a supervisor at the officer's side."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Decision:
    """A step, with its inputs: see `Step`."""

    step: Step
    reason: Reason = Reason.OTHER
    note: str = ""
    reference: str = ""
    """Reference number of Cekal Online, for CONFIRM."""
    supervisor: SignInProof | None = None
    """For CONFIRM: the person who confirms; None means the person signed in on this PC."""
    follow_up: FollowUp | None = None


class AlertActions:
    """Takes steps with alerts for the signed-in person. Its calls block; errors stay grpc.RpcError."""

    def __init__(self, alert_client: AlertClient, sessions: SessionClient) -> None:
        self._alert_client = alert_client
        self._sessions = sessions

    def carry_out(self, alert: Alert, decision: Decision) -> Alert:
        """Carry out the decision about this version of the alert; return the alert afterwards.

        A judgement of an unclaimed alert claims it first: a person who loses that race has not judged.
        """
        alert_id, version = alert.alert_id, alert.version
        step = decision.step
        if step in JUDGEMENTS:
            if alert.state is not AlertState.CLAIMED:
                self._alert_client.claim(alert_id)
                version += 1  # the claim; whatever else came since, the person has not seen
            return self._alert_client.adjudicate(alert_id, version, STEP_OUTCOMES[step], decision.reason, decision.note)
        match step:
            case Step.CLAIM:
                return self._alert_client.claim(alert_id)
            case Step.RELEASE:
                return self._alert_client.release(alert_id)
            case Step.CONFIRM:
                return self._confirm(alert, decision)
            case Step.CLEAR:
                return self._alert_client.clear(alert_id, version, decision.reason, decision.note)
            case Step.FOLLOW_UP if decision.follow_up:
                return self._alert_client.record_follow_up(alert_id, version, decision.follow_up)
            case Step.CLOSE:
                return self._alert_client.close_alert(alert_id, version)
        raise ValueError(f"{step} without what it needs")

    def _confirm(self, alert: Alert, decision: Decision) -> Alert:
        alert_id, version = alert.alert_id, alert.version
        if decision.supervisor is None:
            return self._alert_client.confirm(alert_id, version, decision.reference, decision.note)
        _, token = self._sessions.prove(Password(decision.supervisor.name, decision.supervisor.password))
        try:
            return self._alert_client.confirm(alert_id, version, decision.reference, decision.note, token)
        finally:
            # The session expires by itself; the confirmation must not fail because of it.
            with suppress(grpc.RpcError):
                self._sessions.end(token)
