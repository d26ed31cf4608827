from __future__ import annotations

import os
import stat
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.notifier.delivery.images import ImageFolder
from cekalwatch.notifier.model.alert import ImagePaths, Pictures
from cekalwatch.program.errors import ProgramError
from tests.support.builders.notifier_alerts import SetClock
from tests.support.fakes.alert_server import JPEG

PICTURES = Pictures(JPEG, (JPEG, JPEG))


def test_pictures_are_files_that_only_this_user_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    paths = ImageFolder(folder).save(str(uuid.uuid4()), PICTURES)
    assert paths.probe
    assert [path.name for path in (paths.probe, *paths.references)] == [
        "probe.jpg",
        "ref1.jpg",
        "ref2.jpg",
    ]
    for path in (paths.probe, *paths.references):
        assert path.read_bytes() == JPEG
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, paths.probe.parent)} == {0o700}


def test_better_probe_replaces_the_earlier_one(tmp_path: Path) -> None:
    folder, key = ImageFolder(tmp_path / "agent"), str(uuid.uuid4())
    folder.save(key, PICTURES)
    paths = folder.save(key, Pictures(JPEG + b"better", (JPEG,)))
    assert paths.probe
    assert paths.probe.read_bytes() == JPEG + b"better"


@pytest.mark.parametrize("key", ["../../escape", "", "not-a-uuid", "/etc"])
def test_key_that_is_no_uuid_names_no_folder(tmp_path: Path, key: str) -> None:
    assert ImageFolder(tmp_path / "agent").save(key, PICTURES) == ImagePaths()
    assert list(tmp_path.rglob("*.jpg")) == []


def test_what_is_no_jpeg_is_left_out(tmp_path: Path) -> None:
    paths = ImageFolder(tmp_path / "agent").save(str(uuid.uuid4()), Pictures(b"#!/bin/sh", (b"", JPEG)))
    assert paths.probe is None
    assert [path.name for path in paths.references] == ["ref2.jpg"]


def test_at_the_end_only_the_pictures_go(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "agent")
    paths = folder.save(str(uuid.uuid4()), PICTURES)
    assert paths.probe
    mine = tmp_path / "agent" / "holiday" / "me.jpg"
    mine.parent.mkdir()
    mine.write_bytes(JPEG)
    beside = paths.probe.with_name("note.txt")
    beside.write_text("keep")
    folder.delete_all()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted([mine, beside])


def test_a_folder_that_somebody_deleted_is_no_error_at_the_end(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "agent")
    (tmp_path / "agent").rmdir()
    folder.delete_all()


def test_what_a_killed_notifier_left_goes_after_a_day(tmp_path: Path) -> None:
    killed = ImageFolder(tmp_path / "agent")
    old, recent = (killed.save(str(uuid.uuid4()), PICTURES).probe for _ in range(2))
    assert old
    assert recent
    clock = SetClock(datetime.now(UTC) + timedelta(hours=24, minutes=1))
    os.utime(recent.parent, (clock().timestamp() - 60, clock().timestamp() - 60))
    ImageFolder(tmp_path / "agent", clock)
    assert not old.parent.exists()
    assert recent.exists()
    clock.pass_time(hours=24)
    ImageFolder(tmp_path / "agent", clock)
    assert not recent.parent.exists()


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgramError, match="Pictures cannot be kept"):
        ImageFolder(tmp_path / "file" / "agent")
