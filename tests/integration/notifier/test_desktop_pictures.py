"""Travellers' faces on an officer's PC: in memory while somebody looks, loaded once, and never on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc

pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path / "site").open() as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every folder that the program may write to."""
    folder = tmp_path / "home"
    for name in ("XDG_RUNTIME_DIR", "TMPDIR", "XDG_CACHE_HOME"):
        (folder / name).mkdir(parents=True)
        monkeypatch.setenv(name, str(folder / name))
    return folder


@pytest.fixture
def pc(office: OfficeThread, home: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[OfficerPc]:
    with officer_pc(office, home, qapp, qtbot, "pc-1") as made:
        yield made


def alert_on(pc: OfficerPc) -> Alert:
    shown = pc.controller.alert_cache.find(pc.window.alert_id)
    assert shown
    return shown.alert


def pictures_on(pc: OfficerPc) -> AlertPictures:
    """Wait for the pictures of the alert on screen."""
    pc.until(lambda: isinstance(pc.controller.pictures.of(alert_on(pc)), AlertPictures))
    found = pc.controller.pictures.of(alert_on(pc))
    assert isinstance(found, AlertPictures)
    return found


def views(office: OfficeThread) -> int:
    """How often somebody was given the pictures of an alert."""
    return sum(json.loads(link.details)["pictures"] == 1 for link in office.office.trail(Action.ALERT_VIEWED))


def test_a_face_on_screen_is_on_no_disk(office: OfficeThread, pc: OfficerPc, home: Path) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pictures = pictures_on(pc)
    pc.until(lambda: pc.window.view.comparison.probe.loaded)
    assert pictures.probe
    assert pictures.references
    written = [path for path in home.rglob("*") if path.is_file()]
    assert written, "the inbox at least"
    for path in written:
        content = path.read_bytes()
        assert b"\xff\xd8\xff" not in content, path
        assert pictures.probe[100:200] not in content, path


def test_pictures_are_loaded_once_however_often_the_alert_changes(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pictures_on(pc)
    ani = office.run(office.office.sign_in("ani", "pc-2"))
    for _ in range(2):
        office.run(ani.claim(alert_id))
        pc.shows(alert_id, "CLAIMED")
        office.run(ani.call("ReleaseAlert", alert_id=alert_id, agent_id="pc-2"))
        pc.shows(alert_id, "NEW")
    pc.window.open_alert(alert_id)
    pictures_on(pc)
    assert views(office) == 1


def test_no_more_than_two_alerts_are_loaded_before_somebody_turns_to_them(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert("1"), "NEW")
    pictures_on(pc)
    others = [office.raise_alert(track) for track in ("2", "3", "4")]
    pc.until(lambda: len(pc.controller.waiting()) == 4)
    pc.until(lambda: views(office) == 3)
    pc.window.open_alert(others[0])
    assert isinstance(pc.controller.pictures.of(alert_on(pc)), AlertPictures), "the next face is there at once"
    assert views(office) == 3


def test_faces_leave_with_the_person(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    pc.shows(office.raise_alert(), "NEW")
    pictures_on(pc)
    pc.controller.sign_out()
    gone = pc.window.view.comparison
    assert not gone.probe.loaded
    assert not gone.reference.loaded
    assert not pc.window.view.comparison.probe.loaded
    pc.sign_in("budi")
    assert pictures_on(pc).probe


@pytest.mark.parametrize(
    ("language", "words"), [(Language.EN, "could not be loaded"), (Language.ID, "tidak dapat dimuat")]
)
def test_a_probe_that_does_not_load_says_so_and_the_rest_is_there(
    office: OfficeThread, pc: OfficerPc, language: Language, words: str
) -> None:
    pc.controller.set_language(language)
    alert_id = office.raise_alert()
    with office.office.database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE probe SET jpeg = :damaged"), {"damaged": b"damaged"})
    pc.sign_in("budi")
    pc.shows(alert_id, "NEW")
    comparison = pc.window.view.comparison
    pc.until(lambda: comparison.reference.loaded)
    assert words in comparison.probe.words
    assert views(office) == 1, "it is not asked for again and again"
