"""Pictures that a killed notifier left: whose they are, and that nothing else of a folder goes with them."""

from __future__ import annotations

import contextlib
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.notifier.console.left_pictures import PictureRecord, delete_left
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from tests.support.fakes.alert_server import JPEG
from tests.support.scenarios.spools import file_system


@pytest.fixture
def settings(tmp_path: Path) -> NotifierSettings:
    return NotifierSettings.load(agent_id="pc-1", state_dir=tmp_path / "state", images_dir=tmp_path / "mine")


def picture_in(folder: Path) -> Path:
    picture = folder / str(uuid.uuid4()) / "probe.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(JPEG)
    return picture


def test_only_the_pictures_of_a_notifier_that_is_gone_are_deleted(settings: NotifierSettings) -> None:
    folder = settings.images_path
    assert folder
    PictureRecord(settings).note(folder)
    left, mine = picture_in(folder), folder / "holiday.jpg"
    mine.write_bytes(JPEG)
    with closing(Inbox(settings.inbox_path)):
        delete_left(settings.state_dir)
        assert left.exists(), "its notifier runs"
    delete_left(settings.state_dir)
    assert not left.exists()
    assert mine.exists()
    later = picture_in(folder)
    delete_left(settings.state_dir)
    assert later.exists(), "nobody has said that they are ours"


def test_a_damaged_inbox_keeps_no_picture(settings: NotifierSettings) -> None:
    folder = settings.images_path
    assert folder
    PictureRecord(settings).note(folder)
    settings.inbox_path.write_bytes(b"no database" * 500)
    left = picture_in(folder)
    delete_left(settings.state_dir)
    assert not left.exists()


def test_what_a_notifier_of_0_2_0_left_goes_too(
    settings: NotifierSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    folders = (settings.state_dir / "images" / "pc-1", tmp_path / "run" / "cekalwatch-notifier" / "pc-2")
    left = [picture_in(one) for one in folders]
    delete_left(settings.state_dir)
    assert not any(one.exists() for one in left)


def test_a_record_that_finds_no_room_ends_the_notifier_so_that_it_is_started_again(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", "-o", "size=64k") as disk:
        settings = NotifierSettings.load(agent_id="pc-1", state_dir=disk, images_dir=tmp_path / "mine")
        with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(ProgramError, match="No space left") as ended:
            PictureRecord(settings).note(tmp_path / "mine")
    assert ended.value.exit_code is Exit.UNAVAILABLE


def test_a_record_that_names_nothing_is_no_error(settings: NotifierSettings) -> None:
    PictureRecord(settings).note(settings.state_dir / "gone")
    delete_left(settings.state_dir)
    assert list(settings.state_dir.glob("pictures-*")) == []
    PictureRecord(settings).forget()
