"""An officer's PC: the notifier's console as a process, and the officer who works with what it shows.

The officer uses the notifier's own calls, over the same lines as the console.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import grpc

from benchmarks.chaos.machines.process import Lives
from benchmarks.chaos.sites.plans import PORT, PcPlan
from benchmarks.chaos.truth import Answer, Truth
from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    PENDING,
    STEP_OUTCOMES,
    UNDECIDED,
    UNSETTLED,
    AlertState,
    FollowUp,
    Reason,
    Step,
)
from cekalwatch.contract.values.alerts import Alert, AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.session_file import SessionFile
from cekalwatch.server.foundation.errors import Code
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import ServerChoice

NO_ANSWER = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
OTHER_WAS_FASTER = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED}
PAUSE_S = (0.3, 1.5)
"""Between two steps of an officer."""
STATE = "state"
REFERENCE = "CO-2026/0117"
AT_HAND = 40
"""An officer works on the newest alerts."""
WAITING_FIRST = 0.7
"""How often an officer turns to what waits, if anything does."""
LEFT = 5
"""One in this many waiting alerts is claimed by an officer who then leaves."""


@dataclass(frozen=True)
class ShownLine:
    """A line that the console printed of an alert."""

    life: int
    sequence: int | None
    """None of an alert that was listed again."""
    alert_id: str
    shown_s: float = 0.0
    """When the bench read it."""
    event_type: str | None = None
    state: str = ""
    rings: bool = False
    counter: str = ""
    """Where the traveller is, or was last."""
    seen_at: datetime | None = None
    """When the traveller was seen there."""
    late: bool = False
    orders_ended: bool = False
    reference_owed: bool = False
    look_needed: bool = False
    """Whether nobody there has looked at the faces: then it says nothing that comes after a first look."""
    told: bool = False
    """Whether the line has one of these texts."""

    @classmethod
    def of(cls, life: int, fields: Mapping[str, Any]) -> Self:
        """Read a line of `console --format jsonl`."""
        return cls(
            life,
            fields["sequence"],
            str(fields["alert_id"]),
            time.monotonic(),
            fields["event_type"],
            str(fields["state"]),
            bool(fields["rings"]),
            str(fields["counter"]),
            datetime.fromisoformat(fields["seen_time"]),
            bool(fields["late"]),
            fields["orders_ended_time"] is not None,
            fields["reference_owed_time"] is not None,
            bool(fields["look_needed"]),
            any(fields[one] for one in ("subject_id", "score", "threshold", "orders", "candidates")),
        )


@dataclass(frozen=True)
class ShownAlarm:
    """A line that the console printed of an alarm."""

    kind: str
    counter: str
    over: bool
    shown_s: float
    life: int = 1
    stage: str = ""
    """Where an exercise stopped."""


class OfficersPc:
    """The PC."""

    def __init__(
        self, plan: PcPlan, folder: Path, addresses: Sequence[str], tls_dir: Path, truth: Truth, logs: Path
    ) -> None:
        self.plan, self._folder, self._tls_dir, self._truth = plan, folder, tls_dir, truth
        self._addresses = tuple(addresses)
        self._lock = threading.Lock()
        self._lines: list[ShownLine] = []
        self._alarms: list[ShownAlarm] = []
        self._alerts: dict[str, str] = {}
        """The state in which each was shown last."""
        self.began_after = 0
        """The position from which it is sent events."""
        arguments = ["-m", "cekalwatch.notifier", "console", "--format", "jsonl", "--agent-id", plan.name]
        arguments += ["--server", ",".join(addresses), "--images", str(self._images)]
        arguments += [part for counter in plan.counters for part in ("--counter", counter)]
        environment = {
            "CEKALWATCH_NOTIFIER_STATE_DIR": str(self.state_folder),
            "CEKALWATCH_NOTIFIER_TLS_DIR": str(tls_dir),
        }
        self._arguments = arguments
        self.program = Lives(plan.name, [*arguments, "--rings"], logs, environment, self._said)

    def take_version(self, python: Path, *, rings: bool) -> None:
        """Let `python` run it from its next life on; `rings`: whether that version knows --rings, as 0.2.0 does not."""
        self.program.python = python
        self.program.arguments = [*self._arguments, *(["--rings"] if rings else [])]

    @property
    def state_folder(self) -> Path:
        """Where its record of shown events is."""
        return self._folder / STATE

    @property
    def _images(self) -> Path:
        return self._folder / "images"

    @property
    def session_file(self) -> SessionFile:
        """Where the token of who sits there is."""
        return SessionFile(self.state_folder / f"session-{self.plan.name}")

    @property
    def lines(self) -> list[ShownLine]:
        """What it has shown so far, in order."""
        with self._lock:
            return list(self._lines)

    @property
    def alarms(self) -> list[ShownAlarm]:
        """What it has shown of alarms so far, in order."""
        with self._lock:
            return list(self._alarms)

    @property
    def pictures(self) -> frozenset[str]:
        """The alerts of which pictures are on its disk now."""
        return frozenset(file.parent.name for file in self._images.rglob("*.jpg"))

    def newest_alerts(self, *, unsettled: bool = False) -> list[str]:
        """Return the alerts that were shown last; with `unsettled`, those that were not settled then."""
        with self._lock:
            shown = list(self._alerts.items())[-AT_HAND:]
        return [alert_id for alert_id, state in shown if not unsettled or state in UNSETTLED]

    def _said(self, life: int, line: str) -> None:
        record = json.loads(line)
        if record["event_type"] == "TROUBLE":
            over, stage = record["end_time"] is not None, record["details"].get("stage", "")
            told = ShownAlarm(record["kind"], record["counter"], over, time.monotonic(), life, stage)
            with self._lock:
                self._alarms.append(told)
            return
        alert_id = str(record["alert_id"])
        with self._lock:
            self._lines.append(ShownLine.of(life, record))
            self._alerts.pop(alert_id, None)
            self._alerts[alert_id] = str(record["state"])

    def officer(self, seed: str) -> Officer:
        """Return who works there."""
        choice = ServerChoice(self._addresses, self.plan.name)
        return Officer(
            self, AlertFilter(counters=frozenset(self.plan.counters)), choice, self._tls_dir, self._truth, seed
        )


class Officer(threading.Thread):
    """Claims and decides alerts until `close`, but not between `pause` and `resume`."""

    def __init__(
        self,
        pc: OfficersPc,
        wanted: AlertFilter,
        servers: ServerChoice,
        tls_dir: Path,
        truth: Truth,
        seed: str,
    ) -> None:
        super().__init__(name=f"officer at {pc.plan.name}", daemon=True)
        self.pc, self._truth = pc, truth
        dialer = open_dialer(servers, tls_dir)
        self._alerts = AlertClient(Calls(dialer), pc.plan.name, wanted, pc.session_file)
        self._actions = AlertActions(self._alerts, SessionClient(dialer.another(), pc.session_file))
        self._chance = random.Random(seed)  # noqa: S311  # choices of an officer, no secrets
        self._going, self._closed, self._stands = threading.Event(), threading.Event(), threading.Event()
        self._stands.set()

    def resume(self) -> None:
        """Let the officer work."""
        self._stands.clear()
        self._going.set()

    def pause(self) -> None:
        """Let the officer begin nothing new; `stands` when nothing is under way."""
        self._going.clear()

    @property
    def stands(self) -> bool:
        """Whether no step of the officer is under way."""
        return self._stands.is_set()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._going.set()
        self.join()
        self._alerts.close()

    def claim(self, alert_id: str) -> None:
        """Claim an alert while nobody else works. Raises grpc.RpcError."""
        self._take(self._alerts.alert(alert_id), Decision(Step.CLAIM))

    def owing(self) -> frozenset[str]:
        """Return the hits that the list of owed references has. Raises grpc.RpcError."""
        return frozenset(one.alert_id for one in self._alerts.owing())

    def run(self) -> None:
        """Work."""
        while not self._closed.is_set():
            if not self._going.is_set():
                if not self._stands.is_set():
                    self._leave()
                self._stands.set()
                self._going.wait()
                continue
            self._work()
            self._closed.wait(self._chance.uniform(*PAUSE_S))

    def _work(self) -> None:
        waiting = self.pc.newest_alerts(unsettled=True) if self._chance.random() < WAITING_FIRST else []
        if shown := waiting or self.pc.newest_alerts():
            with self._answers():
                alert = self._alerts.alert(self._chance.choice(shown))
                if decision := self._decision(alert):
                    self._take(alert, decision)

    def _leave(self) -> None:
        """Claim an alert and do no more with it: the claim ends with its lease."""
        with self._answers():
            newest = map(self._alerts.alert, reversed(self.pc.newest_alerts()[-LEFT:]))
            if waits := next((one for one in newest if one.state is AlertState.NEW), None):
                self._take(waits, Decision(Step.CLAIM))

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Report a refusal that no other person's step explains."""
        try:
            yield
        except grpc.RpcError as error:
            if error.code() not in NO_ANSWER | OTHER_WAS_FASTER and not self._clock_is_behind(error):
                self._truth.complain(f"{self.pc.plan.person} was refused: {error.code().name} {error.details()}")

    def _take(self, alert: Alert, decision: Decision) -> None:
        after = self._actions.carry_out(alert, decision)
        outcome = "" if decision.first_look else str(STEP_OUTCOMES.get(decision.step, ""))
        plan, step = self.pc.plan, "LOOK" if decision.first_look else str(decision.step)
        self._truth.answered(
            Answer(
                plan.name,
                plan.person,
                alert.alert_id,
                step,
                outcome,
                after.version,
                str(after.state),
                str(after.exercise or ""),
            )
        )

    def _clock_is_behind(self, error: grpc.RpcError) -> bool:
        """Whether the port's server, whose clock faults change, takes a contact for one of a time to come."""
        return self.pc.plan in PORT.pcs and error_reason(error) == Code.CONTACT_TIME_AHEAD

    def _decision(self, alert: Alert) -> Decision | None:
        """Decide as one who is never sure."""
        supervisor = self.pc.plan.role is PersonRole.SUPERVISOR
        if alert.only_to_be_cleared:
            return Decision(Step.CLEAR, Reason.ORDER_ENDED) if supervisor else None
        if alert.look_needed and supervisor is alert.pending:
            return Decision(self._chance.choice(sorted(JUDGEMENTS)), first_look=True)
        if alert.state in UNDECIDED:
            return None if supervisor else self._at_the_counter(alert)
        if alert.state in PENDING:
            if not supervisor:
                return None
            draw = self._chance.random()
            if draw < 0.3:
                return Decision(Step.CONFIRM, Reason.LISTED_IN_CEKAL_ONLINE, reference=REFERENCE)
            if draw < 0.5:
                return Decision(Step.CONFIRM, Reason.CENTRAL_SYSTEM_DOWN)
            return Decision(Step.CLEAR, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
        if alert.handling.reference_owed_since:
            return self._owed() if supervisor else None
        if alert.state is AlertState.CONFIRMED and not alert.told_enough:
            return Decision(Step.FOLLOW_UP, follow_up=_told_to_an_agency(alert))
        return None if alert.state is AlertState.CLOSED else Decision(Step.CLOSE)

    def _owed(self) -> Decision | None:
        draw = self._chance.random()
        if draw < 0.3:
            return Decision(Step.ENTER_REFERENCE, reference=REFERENCE)
        return Decision(Step.TAKE_BACK, Reason.NOT_LISTED_IN_CEKAL_ONLINE) if draw < 0.4 else None

    def _at_the_counter(self, alert: Alert) -> Decision | None:
        draw = self._chance.random()
        if draw < 0.35:
            return Decision(Step.REFER, Reason.FACE_AGREES)
        if draw < 0.5:
            return Decision(Step.NOT_SAME, Reason.FACE_DIFFERS)
        if draw < 0.6:
            return Decision(Step.CANNOT_TELL, Reason.IMAGE_TOO_POOR)
        if alert.state is AlertState.NEW:
            return Decision(Step.CLAIM) if draw < 0.8 else None
        return Decision(Step.RELEASE) if draw < 0.7 else None


def _told_to_an_agency(alert: Alert) -> FollowUp:
    return FollowUp(next(iter(alert.agencies), "Kejaksaan Agung"), "duty desk", "two officers come", datetime.now(UTC))
