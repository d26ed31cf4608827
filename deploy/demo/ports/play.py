"""Plays the demonstration of ports: what happens, and the comparison with what must happen.

A list at the centre, followed by the servers of two ports; then the lines are cut: a listed traveller and another one
pass at each port, and somebody comes onto the centre's list. The lines are mended: the ports hear of it, the centre of
their alerts, and travellers pass again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import ProgramError
from cekalwatch.v1 import port_pb2, trouble_pb2
from deploy.demo.office.notifier import Notifier
from deploy.demo.people import Person, Role
from deploy.demo.ports.centre_screen import CentreScreen
from deploy.demo.ports.line import ThreadedLine, line_on_a_thread
from deploy.demo.scene import Scene, people_passing, write_video
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from deploy.demo.watchlist import write_watchlist

CENTRE, PORTS = "jakarta", ("batam-center", "sekupang")
CAMERA, OFFICER, SUPERVISOR = CameraPlan("departure-1"), "officer-1", "supervisor-1"
ARRIVES_WITHIN_S = 30.0
"""How long may pass until the other end of a mended line has what it missed, and until a port says that it is cut."""
LOOK_S = 0.1
SETTLE_SECONDS = 30.0
"""How long the last receipts and alerts may take after a video's end."""


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    line: str
    """How the lines were: they stood, were cut, or mended."""
    where: str
    """Key of the site."""
    what: str
    expected: str
    found: str

    @property
    def right(self) -> bool:
        """Whether what was found is what must be."""
        return self.expected == self.found


@dataclass(frozen=True, eq=False)
class Travellers:
    """Who plays."""

    people: Sequence[Person]
    listed: tuple[Person, Person]
    """One for each port."""
    strangers: tuple[Person, Person]
    """The same, not on the list."""
    newcomer: Person
    """Comes onto the list while the lines are cut."""

    @classmethod
    def of(cls, people: Sequence[Person]) -> Travellers:
        """Choose them. Raises ProgramError where there are too few."""
        passing = [person for person in people if person.passage_photos]
        listed = [person for person in passing if person.role is Role.LISTED]
        strangers = [person for person in passing if person.role is Role.UNLISTED]
        newcomers = [person for person in passing if person.role is Role.URGENT]
        try:
            return cls(people, (listed[0], listed[1]), (strangers[0], strangers[1]), newcomers[0])
        except IndexError:
            raise ProgramError(
                "Five people are needed: two on the list, two strangers, and one who comes onto it"
            ) from None

    @property
    def before(self) -> list[Person]:
        """Whom the first list has."""
        return [person for person in self.people if person is not self.newcomer]


@dataclass
class PortSide:
    """A port, while it runs."""

    site: str
    stack: Stack
    line: ThreadedLine
    notifier: Notifier
    shown: int = 0
    """Events of its officer's console that are in the table already."""

    def pass_by(self, scene: Scene, video: Path) -> dict[str, int]:
        """Let people pass the camera, and return how many alerts each subject got on the officer's console.

        The console names nobody before a look; the server's log does.
        """
        camera = self.stack.start_camera(CAMERA.camera_id, video)
        camera.wait_for_success(scene.seconds + SETTLE_SECONDS)
        if head := self.stack.status().head_sequence:
            self.notifier.wait_for_sequence(head, SETTLE_SECONDS)
        events = self.notifier.events[self.shown :]
        self.shown += len(events)
        subjects = {event.sequence: event.alert.subject.subject_id for event in self.stack.event_log()}
        raised = [subjects[int(str(event["sequence"]))] for event in events if event["event_type"] == "RAISED"]
        return {key: raised.count(key) for key in raised}


@dataclass
class PortsDemonstration:
    """What is played, where its files go, and what was found; `tell` gets each check as it is made."""

    folder: Path
    models: Path
    travellers: Travellers
    tell: Callable[[Check], None]
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all is as it must be."""
        return bool(self.checks) and all(check.right for check in self.checks)

    def play(self, today: date) -> None:
        """Play it. Raises ProgramError when a program fails, or does not come to its end in time."""
        who = self.travellers
        write_watchlist(who.before, self.folder / "list", today)
        write_watchlist([who.newcomer], self.folder / "newcomer", today)
        with ExitStack() as opened:
            centre = opened.enter_context(Stack(self._site(CENTRE, ports=PORTS)))
            centre.import_watchlist(self.folder / "list")
            for site in PORTS:
                centre.issue_for_port(site, self._site(site).centre_tls)
            with ThreadPoolExecutor() as pool:  # starting and signing in take seconds
                signing_in = pool.submit(centre.sign_in, SUPERVISOR, PersonRole.SUPERVISOR)
                sides = list(pool.map(lambda site: self._open(opened, centre, site), PORTS))
                signing_in.result()
            self._follow(centre, CentreScreen(centre, SUPERVISOR), sides)

    def _follow(self, centre: Stack, watch: CentreScreen, sides: Sequence[PortSide]) -> None:
        """Let happen what happens, and note what is found."""
        who, listed = self.travellers, sum(person.role.searched for person in self.travellers.before)
        for side in sides:
            self._searched("stands", side, listed)
        for side in sides:
            side.line.cut()
        for side in sides:
            said = arrives(partial(_is_away, side.stack), wanted=1)
            self._note("cut", side.site, "says that the line is cut", "yes", _yes(said))
        centre.import_watchlist(self.folder / "newcomer")
        centre.wait_for_gallery(listed + 1)
        self._pass_by("cut", sides, list(zip(who.listed, who.strangers, strict=True)))
        for side in sides:
            self._searched("cut", side, listed)
            self._reported("cut", watch, side, 0)
        for side in sides:
            side.line.mend()
        for side in sides:
            self._searched("mended", side, listed + 1)
            for one in self._reported("mended", watch, side, 1):
                self._note("mended", CENTRE, f"picture of {side.site}", "yes", _yes(watch.has_picture(one)))
        deleted = who.listed[1]
        centre.delete_subject(deleted.subject_id)
        for side in sides:
            self._searched("mended", side, listed)
        self._pass_by("mended", sides, [(who.newcomer, deleted), (who.newcomer, who.strangers[0])])
        for side in sides:
            self._reported("mended", watch, side, 2)

    def _pass_by(self, line: str, sides: Sequence[PortSide], pairs: Sequence[tuple[Person, Person]]) -> None:
        """Let two people pass at each port, at the same time; the first of them must alert, and the other must not."""
        scenes = [people_passing(pair) for pair in pairs]
        videos = [self.folder / f"{line}-{side.site}.mp4" for side in sides]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda scene, file: write_video(scene, self.travellers.people, file), scenes, videos))
            raised = list(pool.map(PortSide.pass_by, sides, scenes, videos))
        for side, found, (right, wrong) in zip(sides, raised, pairs, strict=True):
            self._note(line, side.site, f"alerts of {right.name}", "1", str(found.pop(right.subject_id, 0)))
            self._note(line, side.site, f"alerts of {wrong.name}", "0", str(found.pop(wrong.subject_id, 0)))
            self._note(line, side.site, "alerts of others", "0", str(sum(found.values())))

    def _searched(self, line: str, side: PortSide, wanted: int) -> None:
        found = arrives(lambda: side.stack.status().gallery.subjects, wanted)
        self._note(line, side.site, "people searched", str(wanted), str(found))

    def _reported(self, line: str, watch: CentreScreen, side: PortSide, wanted: int) -> list[port_pb2.PortAlert]:
        found = arrives(lambda: len(watch.alerts(side.site)), wanted)
        self._note(line, CENTRE, f"alerts of {side.site}", str(wanted), str(found))
        return watch.alerts(side.site)

    def _note(self, line: str, where: str, what: str, expected: str, found: str) -> None:
        self.checks.append(Check(line, where, what, expected, found))
        self.tell(self.checks[-1])

    def _open(self, opened: ExitStack, centre: Stack, site: str) -> PortSide:
        """Start the port's server, and the console of its officer."""
        line = opened.enter_context(line_on_a_thread(int(centre.address.rpartition(":")[2])))
        stack = opened.enter_context(Stack(self._site(site, cameras=(CAMERA,), centre=line.address)))
        return PortSide(site, stack, line, stack.start_notifier(OFFICER))

    def _site(
        self, site: str, cameras: tuple[CameraPlan, ...] = (), ports: tuple[str, ...] = (), centre: str = ""
    ) -> StackConfig:
        return StackConfig(
            self.folder / site, self.models, cameras, site, settings={"threads": 1}, ports=ports, centre=centre
        )


def arrives(ask: Callable[[], int], wanted: int) -> int:
    """Ask until the answer is the wanted one, at most ARRIVES_WITHIN_S seconds; return the last."""
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return found


def _is_away(stack: Stack) -> int:
    """Whether a port says that its list does not come."""
    return any(one.kind == trouble_pb2.TROUBLE_KIND_SOURCE_FAILING for one in stack.status().troubles)


def _yes(is_so: object) -> str:
    return "yes" if is_so else "no"
