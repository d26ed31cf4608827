"""The desktop of a PC that reaches no server: its controller, for tests that say themselves what it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.actions.alert_actions import Decision
from cekalwatch.notifier.delivery.picture_cache import PictureCache, PictureLoader
from cekalwatch.notifier.desktop.alarm_controller import AlarmController
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.alarm_client import AlarmClient
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.refusals import Failure
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.translations import Language
from cekalwatch.wire.calls import Calls
from tests.support.builders.notifier_alerts import make_shown


@dataclass
class LoneDesk:
    """A controller whose pictures and answers come when a test says so."""

    controller: Controller
    alarms: AlarmController
    answers: bool = True
    """Whether a test answers decisions; they are sent otherwise."""
    asked: list[tuple[str, Callable[[AlertPictures], None]]] = field(default_factory=list)
    """Whose pictures are wanted, and what takes them."""
    decisions: list[tuple[Decision, Callable[[], object], Callable[[str], object]]] = field(default_factory=list)
    """The decisions that were sent, and what takes that they are recorded, or why not."""

    def __post_init__(self) -> None:
        controller, given = self.controller, dict[str, AlertPictures]()
        cache = PictureCache(given.__getitem__, controller.settings.picture_lifetime)

        def run(
            load: Callable[[], AlertPictures],
            done: Callable[[AlertPictures], object],
            _: Callable[[Failure], object],
        ) -> None:
            (alert_id,) = (one.alert_id for one in load.args)  # type: ignore[attr-defined]  # a partial of `fetch`

            def take(pictures: AlertPictures) -> None:
                given[alert_id] = pictures
                done(load())

            self.asked.append((alert_id, take))

        controller.pictures = PictureLoader(cache, run, controller.changed.emit)
        if self.answers:
            controller.take_step = lambda _, *sent: self.decisions.append(sent)  # type: ignore[method-assign]

    def give(self, pictures: AlertPictures) -> None:
        """Let the pictures come that were asked for first."""
        self.asked.pop(0)[1](pictures)

    def sit_down(self, session: PersonSession) -> None:
        self.controller.session = session
        self.controller.alert_cache.read_by(session.person_id if session.works else "")
        self.controller.session_changed.emit()

    def show(self, *alerts: Alert, new: bool = False) -> None:
        self.controller.show(*(make_shown(one, new=new) for one in alerts))


@contextmanager
def lone_desk(folder: Path, language: Language = Language.EN, *, answers: bool = True) -> Iterator[LoneDesk]:
    """Open the desktop's controllers on the PC pc-1."""
    chosen = NotifierSettings(agent_id="pc-1", state_dir=folder, language=language)
    dialer, session = chosen.dialer(), SessionFile(chosen.session_path)
    with ExitStack() as opened:
        alerts = opened.enter_context(closing(AlertClient(Calls(dialer), "pc-1", chosen.wanted, session)))
        controller = opened.enter_context(closing(Controller(chosen, alerts, SessionClient(dialer, session))))
        alarms = AlarmController(controller, AlarmClient(Calls(dialer), "pc-1", session))
        opened.enter_context(closing(alarms))
        yield LoneDesk(controller, alarms, answers)
