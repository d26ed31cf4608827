"""Carries out a person's decision about an alert, for both the windows and the console's commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Reference number of Cekal Online, for CONFIRM and ENTER_REFERENCE."""
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
        if step is Step.CONFIRM:
            return self._confirm(alert, decision)
        if step is Step.FOLLOW_UP and decision.follow_up:
            return self._alert_client.record_follow_up(alert_id, version, decision.follow_up)
        client, why = self._alert_client, (decision.reason, decision.note)
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

    def _confirm(self, alert: Alert, decision: Decision) -> Alert:
        words = alert.alert_id, alert.version, decision.reference, decision.note
        if decision.supervisor is None:
            return self._alert_client.confirm(*words, reason=decision.reason)
        _, token = self._sessions.prove(Password(decision.supervisor.name, decision.supervisor.password))
        try:
            return self._alert_client.confirm(*words, token, decision.reason)
        finally:
            # The session expires by itself; the confirmation must not fail because of it.
            with suppress(grpc.RpcError):
                self._sessions.end(token)
