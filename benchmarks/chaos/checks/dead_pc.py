"""A PC that dies while its officer holds an alert (domain rules 6, 7 and 12). The claim ends, and the alert goes to the
supervisor at once. The supervisor sees that the counter has no PC. When the PC is back, it rings for what waits there.

It is played at both sites once all has settled, so that its bounds are the product's own, and no fault's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc

from benchmarks.chaos.machines.officers_pc import Officer, OfficersPc, ShownLine
from benchmarks.chaos.sites.running_site import CLAIM_LEASE_S, RunningSite
from cekalwatch.contract.values.alarms import AlarmKind

TOLD_WITHIN_S = 15.0
"""The longest time until a supervisor knows that a counter has no PC, until a passage rings, and until a PC is back."""
FREE_WITHIN_S = CLAIM_LEASE_S - 2.0
"""The claim of a PC that died ends before its lease would."""
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class DeadPc:
    """What happens at one site; `problems` plays it."""

    site: RunningSite
    officer: Officer
    """Of the PC that dies."""
    passes: Callable[[str], object]
    """Lets somebody on the list pass a camera."""

    def problems(self) -> Iterator[str]:
        """Play it, and say what did not happen in time."""
        plan, camera = self.site.plan.lone
        pc, supervisor = self.site.pcs[plan.name], self.site.pcs[self.site.plan.supervisor.name]
        begun_s = time.monotonic()
        self.passes(camera.camera_id)
        rang = _line(pc, lambda one: one.rings and one.shown_s >= begun_s and one.state == "NEW", TOLD_WITHIN_S)
        if rang is None:
            yield f"{pc.plan.name} did not ring for who passed {camera.camera_id} within {TOLD_WITHIN_S:.0f} s"
            return
        try:
            self.officer.claim(rang.alert_id)
        except grpc.RpcError as error:
            yield f"alert {rang.alert_id} could not be claimed: {error.code().name} {error.details()}"
            return
        dead_s = time.monotonic()
        pc.program.kill()
        try:
            yield from self._while_dead(rang.alert_id, camera.counter, supervisor, dead_s)
        finally:
            pc.program.launch()
        life = len(pc.program.lives)
        back = _line(pc, lambda one: one.rings and one.life == life and one.alert_id == rang.alert_id, TOLD_WITHIN_S)
        if back is None:
            yield f"{pc.plan.name} came back, and did not ring for alert {rang.alert_id}, which waits"
        if not _told(supervisor, camera.counter, over=True, since_s=dead_s):
            yield f"{supervisor.plan.name} still shows that {camera.counter} has no PC, and it has one"

    def _while_dead(self, alert_id: str, counter: str, supervisor: OfficersPc, dead_s: float) -> Iterator[str]:
        def free(one: ShownLine) -> bool:
            return one.alert_id == alert_id and one.shown_s >= dead_s and one.state == "NEW"

        if _line(supervisor, free, FREE_WITHIN_S) is None:
            yield f"nobody could take alert {alert_id} up {FREE_WITHIN_S:.0f} s after the PC of its holder died"
        if _line(supervisor, lambda one: free(one) and one.rings, 1.0) is None:
            yield f"{supervisor.plan.name} did not ring for alert {alert_id}, whose counter has no PC"
        if not _told(supervisor, counter, over=False, since_s=dead_s):
            yield f"{supervisor.plan.name} was not told within {TOLD_WITHIN_S:.0f} s that {counter} has no PC"


def _line(pc: OfficersPc, wanted: Callable[[ShownLine], bool], within_s: float) -> ShownLine | None:
    """Wait for a line of a PC."""
    deadline = time.monotonic() + within_s
    while True:
        if found := next(filter(wanted, pc.lines), None):
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_EVERY_S)


def _told(supervisor: OfficersPc, counter: str, *, over: bool, since_s: float) -> bool:
    """Return whether the supervisor's PC shows in time that a counter has no PC or, with `over`, that it has one again.

    It has `TOLD_WITHIN_S`, from `since_s` or, with `over`, from now.
    """
    deadline = (time.monotonic() if over else since_s) + TOLD_WITHIN_S
    while True:
        for one in supervisor.alarms:
            about = (one.kind, one.counter, one.over) == (AlarmKind.COUNTER_WITHOUT_PC, counter, over)
            if about and since_s <= one.shown_s <= deadline:
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
