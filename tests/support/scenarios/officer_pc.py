"""An officer's PC with the real desktop agent, for tests; the server runs in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.exceptions import TimeoutError as QtTimeoutError
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Reason, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.orders import RevocationGround
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.dialogs.step_flow import KEYS
from cekalwatch.notifier.desktop.run import assembled
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.session_file import SessionFile
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.builders.keys import keyring
from tests.support.builders.lookalikes import judge
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.server import list_astronaut, order_in_force
from tests.support.scenarios.site_pki import SITE, Site

WAIT_MS = 90_000
T = TypeVar("T")


class OfficeThread:
    """A `PortOffice` behind calls that block."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        site = Site(folder)
        self.office = PortOffice(
            site, site.settings(**{"grouping_window_seconds": 0, "keep_alive_period_seconds": 1.0} | settings)
        )
        for name, role in (("budi", PersonRole.OFFICER), ("ani", PersonRole.OFFICER), ("siti", PersonRole.SUPERVISOR)):
            self.office.hire(name, role)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server", daemon=True)

    def list_people(self) -> None:
        """Fill in what an officer reads of the listed person, and list another one with the same face."""
        settings = self.office.settings
        passport = TravelDocument("paspor", "X1234567", "USA")
        list_astronaut(
            settings,
            order_in_force(decree_number="KEP-118/D/Dip.4/02/2026"),
            name="EILEEN MARIE SANTOSO",
            aliases=("EILEEN COLLINS",),
            sex="F",
            place_of_birth="Elmira",
            date_of_birth="1956-11-19",
            travel_documents=(passport,),
        )
        twin = order_in_force(order_id="O-2", subject_id="S-2")
        list_astronaut(settings, twin, scale=1.3, subject_id="S-2", name="SARI WIJAYA", nationality="IDN")

    @contextmanager
    def open(self) -> Iterator[OfficeThread]:
        """Serve until the end of the block."""
        self._thread.start()
        served = self.office.open()
        self.run(served.__aenter__())
        try:
            yield self
        finally:
            self.run(served.__aexit__(None, None, None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def run(self, work: Awaitable[T]) -> T:
        """Do something in the server's thread, and return what came of it."""

        async def done() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(WAIT_MS / 1000)

    def hire_with_first_password(self, name: str) -> None:
        """Add an officer whose password must be changed."""
        Office(self.office.database).hire(person(name), first=True)

    def end_sessions(self) -> None:
        """End everybody's session, as an administrator of the database could."""
        with self.office.database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM person_session")

    def revoke_pc(self, name: str) -> None:
        """Revoke the certificate of a PC."""
        self.office.site.pki.revoke(Identity(DeviceRole.NOTIFIER, SITE, name), datetime.now(UTC))

    @property
    def _watchlist(self) -> WatchlistStore:
        database = self.office.database
        return WatchlistStore(database, keyring(database, self.office.settings.master_key_source))

    def revoke_order(self) -> None:
        """Let a court annul the listed person's order, from now on."""
        watchlist = self._watchlist
        file = watchlist.get_subject("S-1")
        revoked = replace(
            file.orders[0],
            revoked_at=datetime.now(UTC) - timedelta(seconds=1),
            revocation_ground=RevocationGround.COURT,
            revocation_reference="12/Pid.Pra/2026/PN Btm",
        )
        watchlist.put(file.subject, revoked, [])

    def judge_lookalikes(self, one: str, other: str) -> None:
        """Find that two listed people are not the same one."""
        judge(self._watchlist, SubjectPair.of(one, other))

    def raise_alert(self, track: str = "1") -> str:
        """Let the listed person pass, and return the alert's key."""
        return self.run(self.office.raise_alert(track))

    def claim(self, name: str, alert_id: str) -> None:
        """Let somebody at another PC begin an alert."""

        async def claim() -> None:
            await (await self.office.sign_in(name)).claim(alert_id)

        self.run(claim())


class OfficerPc:
    """The agent on one PC, and the hands of whoever sits there."""

    def __init__(self, agent: DesktopAgent, qtbot: QtBot) -> None:
        self.agent = agent
        self.controller = agent.controller
        self.window = agent.alert
        self.session_file = SessionFile(agent.controller.settings.session_path)
        self._bot = qtbot

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something on screen; when it does not come, tell what is there instead."""
        try:
            self._bot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)
        except QtTimeoutError:
            inside = [self.window.view.action_bar, *([self.dialog] if self.dialog else [])]
            words = [one.text() for widget in inside for one in widget.findChildren(QLabel)]
            offered = [step.value for step in self.window.view.action_bar.steps if self.can(step)]
            active = QApplication.activeWindow()
            raise AssertionError(
                f"not in time; {self.window.alert_id} is {self.state or 'unknown'}: {words}, with {offered}; "
                f"the keyboard is in {active.windowTitle() if active else 'no window'}"
            ) from None

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in with the dialog, by keyboard alone."""
        self.agent.sign_in()
        self.dialog.name.setFocus()
        self.dialog.name.selectAll()
        self.type(self.dialog, f"{name}\t{password}\r")
        self.until(lambda: self.controller.session is not None and self.agent.dialog is None)

    @property
    def dialog(self) -> Any:
        """The question on screen."""
        return self.agent.dialog or self.window.flow.dialog

    @property
    def words(self) -> str:
        """Everything that the alert window says now."""
        return "\n".join(one.text() for one in self.window.findChildren(QLabel) if one.isVisible())

    def type(self, window: QWidget, keys: str) -> None:
        """Type into whatever has the keyboard in a window."""
        for key in keys:
            receiver = window.focusWidget() if window.focusWidget() is not None else window
            if key == "\t":
                QTest.keyClick(receiver, Qt.Key.Key_Tab)
            elif key == "\r":
                QTest.keyClick(receiver, Qt.Key.Key_Return)
            else:
                QTest.keyClicks(receiver, key)

    def turn_to(self) -> None:
        """Give the keyboard to the alert window, as a click on it would."""
        self.window.bring_up()
        self.until(self.window.isActiveWindow)

    def look(self, key: Qt.Key = Qt.Key.Key_F5) -> None:
        """Record the first look at the two faces, where the alert on screen asks for it."""
        shown = self.controller.alert_cache.find(self.window.alert_id)
        if shown and shown.alert.look_needed and self.controller.session and self.controller.session.works:
            self._press(key)
            self.until(lambda: not self.shown.look_needed)

    @property
    def shown(self) -> Alert:
        """The alert on screen."""
        shown = self.controller.alert_cache.find(self.window.alert_id)
        assert shown
        return shown.alert

    def press(self, key: Qt.Key) -> None:
        """Press the key of a step, once the alert window takes keys and offers the step; look first, where needed."""
        if QKeySequence(key) not in {QKeySequence(KEYS[step]) for step in (Step.CLAIM, Step.RELEASE, Step.TAKE_OVER)}:
            self.look()
        self._press(key)

    def _press(self, key: Qt.Key) -> None:
        (step,) = (step for step, name in KEYS.items() if QKeySequence(name) == QKeySequence(key))

        def ready() -> bool:
            # Another window may have come to the front meanwhile, at another PC of the same test too.
            if not self.window.isActiveWindow():
                self.window.bring_up()
                return False
            return self.window.takes_keys and self.can(step)

        self.until(ready)
        QTest.keyClick(self.window, key)

    def give_reason(self, reason: Reason | None = None) -> None:
        """Choose a reason, by default the first that is offered, and record the step."""
        self.dialog.choose(reason or self.dialog.reasons[0])
        self.dialog.submit()

    def shows(self, alert_id: str, state: str) -> None:
        """Wait until the alert window shows an alert in a state; who must look first before it says which, looks."""
        self.until(lambda: self.window.alert_id == alert_id and (self.state == state or self.shown.pending))
        if not self.state:
            self.look()
        self.until(lambda: self.window.alert_id == alert_id and self.state == state)

    def can(self, step: Step) -> bool:
        """Whether the button of a step is there, and can be pressed."""
        steps = self.window.view.action_bar.steps
        return step in steps and steps[step].isEnabled()

    @property
    def state(self) -> str:
        """Where the alert on screen stands."""
        shown = self.controller.alert_cache.find(self.window.alert_id)
        return (shown and shown.alert.state) or ""


def _leave_the_keyboard(window: QWidget) -> None:
    """Let a window that comes up by itself leave the keyboard where it is: without a screen, Qt does not do so."""
    show = window.show

    def show_only() -> None:
        before = QApplication.activeWindow()
        show()
        if before:
            before.activateWindow()

    window.show = show_only  # type: ignore[method-assign]


@contextmanager
def officer_pc(
    office: OfficeThread, folder: Path, qapp: QApplication, qtbot: QtBot, name: str, **settings: Any
) -> Iterator[OfficerPc]:
    """Run the agent on the PC `name`, with a certificate of the office's site, once it is connected."""
    with starting_pc(office, folder, qapp, qtbot, name, **settings) as pc:
        pc.until(lambda: pc.controller.connection.ready)
        yield pc


@contextmanager
def starting_pc(
    office: OfficeThread, folder: Path, qapp: QApplication, qtbot: QtBot, name: str, **settings: Any
) -> Iterator[OfficerPc]:
    """Run the agent on the PC `name` as `officer_pc` does, connected or not."""
    files = office.office.site.device(DeviceRole.NOTIFIER, name)
    chosen = NotifierSettings.load(
        None,
        **{
            "server_addresses": office.office.address,
            "agent_id": name,
            "tls_dir": files.folder,
            "state_dir": folder / name,
            "cekal_online_url": "https://cekal-online.example/",
            "language": "en",
            "theme": "LIGHT",
            "sound": False,
        }
        | settings,
    )
    with assembled(chosen, Start.ACKNOWLEDGED, qapp) as (agent, work):
        _leave_the_keyboard(agent.alarm_window)
        pc = OfficerPc(agent, qtbot)
        yield pc
        assert not work.done() or work.result() is None
