"""Officers and supervisors who work on what their PCs show, by the notifier's own calls, until nothing is open.

What they find depends on nothing but the alert's key. A second person confirms, contacts the agency and closes.
"""

from __future__ import annotations

import queue
import random
import threading
import zlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import grpc

from cekalwatch.contract.values.adjudication import OPEN_STATES, PENDING, UNDECIDED, AlertState, FollowUp, Reason, Step
from cekalwatch.contract.values.alerts import Alert, AlertFilter
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.session_file import SessionFile
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer

REFERENCE = "CO-2026/0117"
THINKS_S = (1.0, 5.0)
"""Between looking at an alert and a judgement."""
AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
"""A busy machine answered late: the officer looks again."""
CHANGED = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED}
"""The alert changed in the meantime, and its event reached the PC separately."""
SUPERVISOR = -1


class Officer(threading.Thread):
    """Who sits at a PC: one of the officers, who share the alerts out among themselves, or the supervisor."""

    def __init__(self, agent_id: str, dialer: Dialer, session: SessionFile, place: int, officers: int) -> None:
        """`place`: which of the `officers` it is, or SUPERVISOR."""
        super().__init__(name=agent_id, daemon=True)
        self._alerts = AlertClient(Calls(dialer), agent_id, AlertFilter(), session)
        self._actions = AlertActions(self._alerts, SessionClient(dialer.another(), session))
        self._place, self._officers = place, officers
        self._shown: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._chance = random.Random(agent_id)  # noqa: S311  # pauses, no secret
        self.steps: Counter[str] = Counter()
        self.complaints: list[str] = []

    def shown(self, alert_id: str) -> None:
        """Learn from the PC that something happened to an alert."""
        self._shown.put(alert_id)

    def open_alerts(self) -> list[Alert]:
        """Return the alerts about which somebody still has to do something."""
        return list(self._alerts.listed(OPEN_STATES))

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._shown.put("")
        self.join()
        self._alerts.close()

    def run(self) -> None:
        """Work."""
        while not self._closed.is_set():
            if alert_id := self._shown.get():
                self._work(alert_id)

    def _work(self, alert_id: str) -> None:
        try:
            alert = self._alerts.alert(alert_id)
            while (decision := self.decision(alert)) and not self._closed.is_set():
                self._closed.wait(self._chance.uniform(*THINKS_S))
                alert = self._actions.carry_out(alert, decision)
                self.steps[decision.step] += 1
        except grpc.RpcError as error:
            if error.code() in AGAIN:
                self._shown.put(alert_id)
            elif error.code() not in CHANGED:
                self.complaints.append(f"{self.name} was refused: {error.code().name} {error.details()}")

    def decision(self, alert: Alert) -> Decision | None:
        """Return what this person does next about the alert; None: nothing."""
        chance = zlib.crc32(alert.alert_id.encode())
        if alert.look_needed and alert.pending and self._place == SUPERVISOR:
            return Decision(Step.REFER, first_look=True)
        if alert.state in UNDECIDED:
            if chance % self._officers != self._place:
                return None
            if alert.look_needed:
                return replace(_judgement(chance // 100 % 10), first_look=True)
            return Decision(Step.CLAIM) if alert.state is AlertState.NEW else _judgement(chance // 100 % 10)
        if self._place != SUPERVISOR:
            return None
        if alert.state in PENDING:
            confirms = alert.state is AlertState.REFERRED and chance // 100 % 2
            return (
                Decision(Step.CONFIRM, Reason.LISTED_IN_CEKAL_ONLINE, reference=REFERENCE) if confirms else _NOT_LISTED
            )
        if alert.state is not AlertState.CONFIRMED:
            return None
        return Decision(Step.CLOSE) if alert.told_enough else Decision(Step.FOLLOW_UP, follow_up=_contact(alert))


_LISTED = Decision(Step.CONFIRM, Reason.LISTED_IN_CEKAL_ONLINE, reference=REFERENCE)
_NOT_LISTED = Decision(Step.CLEAR, Reason.NOT_LISTED_IN_CEKAL_ONLINE)


def _judgement(chance: int) -> Decision:
    if chance < 5:
        return Decision(Step.REFER, Reason.FACE_AGREES)
    if chance < 6:
        return Decision(Step.CANNOT_TELL, Reason.IMAGE_TOO_POOR)
    return Decision(Step.NOT_SAME, Reason.FACE_DIFFERS)


def _contact(alert: Alert) -> FollowUp:
    return FollowUp(next(iter(alert.agencies), "Kejaksaan Agung"), "duty desk", "two officers come", datetime.now(UTC))
