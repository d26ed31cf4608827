"""Every window in both languages and themes, as an officer sees it.

The pictures in the documentation come from here: `CEKALWATCH_SCREENSHOTS=docs/screenshots` keeps them there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAbstractButton, QApplication, QHeaderView, QLabel, QWidget
from pytestqt.exceptions import TimeoutError as QtTimeoutError
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.desktop.dialogs.step_dialogs import ConfirmDialog, FollowUpDialog, ReasonDialog, TakeStep
from cekalwatch.notifier.desktop.threads import DesktopScreen
from cekalwatch.notifier.desktop.widgets.elements import TITLE_PX
from cekalwatch.notifier.settings import ThemeName
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alarms import make_alarm, of_source
from tests.support.builders.notifier_alerts import SITI
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc

LOOKS = [(language, theme) for language in Language for theme in (ThemeName.LIGHT, ThemeName.DARK)]
LOOKS.append((Language.ID, ThemeName.CONTRAST))

LAYOUT_MS = 5_000

ALARMS = (
    of_source(AlarmKind.LIST_SHRUNK, missing="40", held="812"),
    of_source(AlarmKind.SOURCE_FAILING, reason="SOURCE_UNAVAILABLE"),
    make_alarm(AlarmKind.CAMERA_DOWN, "D2"),
    make_alarm(AlarmKind.CAMERA_REJECTED, "D4", details={"reason": "NAME_NOT_ALLOWED"}),
    make_alarm(AlarmKind.CAMERA_COVERED, "A1", acknowledged_by=SITI),
    make_alarm(
        AlarmKind.THRESHOLD_MOVED,
        "",
        about="standard-53c3295b",
        details={"before": "0.440", "threshold": "0.459", "passages": "1000", "missed": "4"},
    ),
    make_alarm(AlarmKind.SCORES_STAND_OUT, "D3", details={"factor": "3.1", "passages": "1240"}),
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficeThread]:
    office = OfficeThread(tmp_path_factory.mktemp("site"))
    office.list_people()
    with office.open():
        yield office


class Album:
    """Takes the pictures of one look."""

    def __init__(self, folder: Path, look: str, bot: QtBot) -> None:
        self._bot = bot
        self._folder = Path(os.environ.get("CEKALWATCH_SCREENSHOTS") or folder)
        self._look = look
        self._folder.mkdir(parents=True, exist_ok=True)

    def take(self, widget: QWidget, name: str) -> None:
        """Take a picture of a window, in which no word may be cut off."""
        # Qt does layouts between events, some of them after others.
        self._bot.wait(50)
        with suppress(QtTimeoutError):
            self._bot.waitUntil(lambda: not cut_off(widget), timeout=LAYOUT_MS)
        assert not cut_off(widget), name
        assert not unnamed(widget), name
        free = widget.screen().availableSize()
        assert widget.width() <= free.width(), name
        assert widget.height() <= free.height() - TITLE_PX, name
        assert widget.grab().save(self._file(name))

    def _file(self, name: str) -> str:
        # What shows photographs is a tenth as large as a JPEG.
        suffix = "jpg" if name in {"alert", "referred", "held", "blind", "reason", "confirm", "follow-up"} else "png"
        return str(self._folder / f"{name}-{self._look}.{suffix}")


def asked_about(pc: OfficerPc) -> tuple[Alert, TakeStep]:
    """Return the alert on screen, and what takes no step."""
    shown = pc.controller.alert_cache.find(pc.window.alert_id)
    assert shown is not None
    return shown.alert, lambda *_: None


def cut_off(widget: QWidget) -> list[str]:
    """Return the words of labels, buttons and titles of columns that have less room than they need."""
    labels = [one for one in widget.findChildren(QLabel) if one.isVisible()]
    narrow = [one.text() for one in labels if one.width() < one.minimumSizeHint().width()]
    narrow += [
        one.text()
        for one in widget.findChildren(QAbstractButton)
        if one.isVisible() and (one.width() < one.minimumSizeHint().width() or one.height() < one.sizeHint().height())
    ]
    for header in (one for one in widget.findChildren(QHeaderView) if one.isVisible()):
        sections = range(header.count())
        narrow += [str(number) for number in sections if header.sectionSize(number) < header.sectionSizeHint(number)]
    return narrow + [one.text() for one in labels if one.wordWrap() and one.height() < one.heightForWidth(one.width())]


CONTROLS = frozenset(
    {
        QAccessible.Role.Button,
        QAccessible.Role.ButtonMenu,
        QAccessible.Role.ComboBox,
        QAccessible.Role.EditableText,
        QAccessible.Role.MenuItem,
        QAccessible.Role.RadioButton,
        QAccessible.Role.SpinBox,
        QAccessible.Role.Table,
    }
)


def unnamed(widget: QWidget) -> list[str]:
    """Return the controls that a screen reader could not call by a name in words."""
    found: list[str] = []
    left: list[QAccessibleInterface | None] = [QAccessible.queryAccessibleInterface(widget)]
    while left:
        one = left.pop()
        if one is None or one.state().invisible:
            continue
        name = one.text(QAccessible.Text.Name)
        # The box of a choice has a list inside, and that of a date a line: they go by the name of the box.
        inner = one.parent() is not None and one.parent().role() in {
            QAccessible.Role.ComboBox,
            QAccessible.Role.SpinBox,
        }
        if one.role() in CONTROLS and not inner and not any(map(str.isalnum, name)):
            found.append(f"{one.role().name} {one.object()} {name!r}")
        if not inner:
            left += [one.child(number) for number in range(one.childCount())]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme"), LOOKS, ids=lambda value: value.lower())
def test_every_window_can_be_read(
    office: OfficeThread,
    tmp_path: Path,
    qapp: QApplication,
    qtbot: QtBot,
    language: Language,
    theme: ThemeName,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server's own problems, of cameras that came and went, would take the place of those that are shown here.
    monkeypatch.setattr(DesktopScreen, "alarms", lambda *_: None)
    look = f"{language}-{theme.lower()}"
    album = Album(tmp_path, look, qtbot)
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-d1", language=language, theme=theme) as pc:
        album.take(pc.window, "locked")
        pc.agent.sign_in()
        album.take(pc.dialog, "sign-in")
        pc.dialog.reject()
        pc.sign_in("budi")
        alert_id = office.raise_alert("1")
        others = [office.raise_alert(track) for track in ("2", "3")]
        # Those of former looks wait here too.
        pc.until(lambda: all(pc.controller.alert_cache.find(one) for one in (alert_id, *others)))
        pc.agent.open_alert(alert_id)
        pc.until(lambda: pc.window.view.comparison.reference.loaded)
        album.take(pc.window, "alert")
        pc.press(Qt.Key.Key_F5)
        assert isinstance(pc.dialog, ReasonDialog)
        album.take(pc.window, "reason")
        pc.give_reason()
        pc.shows(alert_id, "REFERRED")
        album.take(pc.window, "referred")
        confirm = ConfirmDialog(pc.window, pc.controller.formatter, *asked_about(pc))
        follow_up = FollowUpDialog(pc.window, pc.controller.formatter, *asked_about(pc))
        for dialog, name in ((confirm, "confirm"), (follow_up, "follow-up")):
            pc.window.view.ask(dialog)
            album.take(pc.window, name)
            dialog.reject()
        pc.agent.open_alert(others[0])
        for after, state in ((others[0], "CLAIMED"), (others[1], "NEW")):  # the twin, and then the alert that waits
            pc.press(Qt.Key.Key_F6)
            pc.give_reason()
            pc.shows(after, state)
            pc.until(lambda: pc.dialog is None)
        ani = office.run(office.office.sign_in("ani", "pc-d2"))
        office.run(ani.claim(others[1]))
        pc.agent.open_alert(others[1])
        pc.shows(others[1], "CLAIMED")
        album.take(pc.window, "held")
        pc.agent.show_today()
        album.take(pc.agent.today, "today")
        pc.agent.tray.sign_out.trigger()
        pc.sign_in("siti")
        pc.agent.show_supervisor()
        pc.until(lambda: pc.agent.supervisor.report is not None)
        album.take(pc.agent.supervisor, "supervisor")
        pc.agent.alarms.take(ALARMS)
        pc.agent.alarm_window.show()
        album.take(pc.agent.alarm_window, "troubles")
        assert {one.kind for one in pc.agent.alarms.shown} == {one.kind for one in ALARMS}
        album.take(pc.window, "blind")
        pc.agent.tray.menu.popup(pc.window.pos())
        album.take(pc.agent.tray.menu, "tray-menu")
        pc.agent.tray.menu.hide()
