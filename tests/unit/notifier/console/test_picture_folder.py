"""The console's pictures on the disk: who can read them, how long they lie there, and how often they are loaded."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.alerts import Alert, AlertFilter, AlertPictures
from cekalwatch.notifier.console.picture_folder import ImagePaths, PictureFolder
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.jpegs import plain_jpeg, scan_bomb
from tests.support.builders.notifier_alerts import make_alert, make_pictures
from tests.support.fakes.alert_server import JPEG, NOBODY, AlertServer, EventLog, alert_message, wait_for

LIFETIME = timedelta(minutes=10)
BETTER = plain_jpeg(16, 16)


class Source:
    """Gives pictures away and counts them; tells the time."""

    def __init__(self) -> None:
        self.pictures = make_pictures(JPEG, JPEG, JPEG)
        self.loaded: list[str] = []
        self.now_s = 0.0

    def load(self, alert_id: str) -> AlertPictures:
        self.loaded.append(alert_id)
        return self.pictures

    def folder(self, path: Path) -> PictureFolder:
        return PictureFolder(path, self.load, LIFETIME, lambda: self.now_s)


@pytest.fixture
def source() -> Source:
    return Source()


def files(folder: Path) -> list[Path]:
    """List what is there; a folder may be deleted while it is read."""
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)


def test_pictures_are_files_that_only_this_user_can_read(tmp_path: Path, source: Source) -> None:
    folder, alert = source.folder(tmp_path / "agent"), make_alert()
    folder.fetch(alert)
    paths = folder.paths(alert.alert_id)
    assert paths.probe
    assert [path.name for path in (paths.probe, *paths.references)] == ["probe.jpg", "ref1.jpg", "ref2.jpg"]
    for path in (paths.probe, *paths.references):
        assert path.read_bytes() == JPEG
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "agent", paths.probe.parent)} == {0o700}


def test_they_are_loaded_once_for_a_probe_and_a_subject(tmp_path: Path, source: Source) -> None:
    folder, alert = source.folder(tmp_path), make_alert()
    for version in range(3):
        folder.fetch(replace(alert, version=version))
    assert len(source.loaded) == 1
    source.pictures = make_pictures(BETTER, JPEG)
    better = replace(alert, probe_capture_id=str(uuid.uuid4()))
    folder.fetch(better)
    paths = folder.paths(alert.alert_id)
    assert paths.probe
    assert paths.probe.read_bytes() == BETTER
    assert len(files(tmp_path)) == 2, "the second reference has gone"
    folder.fetch(replace(better, subject=replace(better.subject, subject_id="S-2")))
    assert len(source.loaded) == 3


def test_they_are_loaded_once_it_is_known_whom_they_are_about(tmp_path: Path, source: Source) -> None:
    folder, alert = source.folder(tmp_path), make_alert()
    folder.fetch(alert.unnamed)
    assert source.loaded == [], "each load is a view in the audit trail"
    folder.fetch(alert)
    folder.fetch(alert.unnamed)
    assert len(source.loaded) == 1
    assert folder.paths(alert.alert_id).probe


@pytest.mark.parametrize(
    "alert",
    [replace(make_alert(), state=AlertState.CLEARED), replace(make_alert(), probe_capture_id="")],
    ids=["settled", "not kept"],
)
def test_nothing_is_loaded_of_what_nobody_compares_any_more(tmp_path: Path, source: Source, alert: Alert) -> None:
    folder = source.folder(tmp_path)
    folder.fetch(alert)
    assert source.loaded == []


def test_they_go_on_time_and_come_again_when_somebody_works_on_the_alert(tmp_path: Path, source: Source) -> None:
    folder, first, second = source.folder(tmp_path), make_alert(), make_alert()
    folder.fetch(first)
    source.now_s = 300
    folder.fetch(second)
    source.now_s = 600
    folder.delete_old()
    assert folder.paths(first.alert_id) == ImagePaths()
    assert {path.parent.name for path in files(tmp_path)} == {second.alert_id}
    source.now_s = 900
    folder.delete_old()
    assert files(tmp_path) == []
    folder.fetch(replace(first, version=2))
    assert folder.paths(first.alert_id).probe


def test_a_thread_deletes_them_while_the_program_runs_and_the_end_deletes_the_rest(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path, lambda _: make_pictures(JPEG), timedelta(milliseconds=20))
    alert = make_alert()
    with folder:
        folder.fetch(alert)
        wait_for(lambda: not files(tmp_path))
    lasting = PictureFolder(tmp_path, lambda _: make_pictures(JPEG), LIFETIME)
    with lasting:
        lasting.fetch(alert)
        assert files(tmp_path)
    assert files(tmp_path) == []


def test_what_a_killed_notifier_left_goes_at_the_next_start(tmp_path: Path, source: Source) -> None:
    source.folder(tmp_path).fetch(make_alert())
    assert files(tmp_path)
    source.folder(tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("key", ["../../escape", "", "not-a-uuid", "/etc"])
def test_key_that_is_no_uuid_names_no_folder(tmp_path: Path, source: Source, key: str) -> None:
    folder = source.folder(tmp_path / "agent")
    folder.fetch(replace(make_alert(), alert_id=key))
    assert folder.paths(key) == ImagePaths()
    assert list(tmp_path.rglob("*.jpg")) == []


@pytest.mark.parametrize("probe", [b"#!/bin/sh", JPEG + b"more", scan_bomb(2000, 2000, 3000)])
def test_what_is_no_plain_jpeg_is_left_out(tmp_path: Path, source: Source, probe: bytes) -> None:
    source.pictures = make_pictures(probe, probe, JPEG)
    folder, alert = source.folder(tmp_path), make_alert()
    folder.fetch(alert)
    paths = folder.paths(alert.alert_id)
    assert paths.probe is None
    assert [path.name for path in paths.references] == ["ref2.jpg"]


def test_at_the_end_only_the_pictures_go(tmp_path: Path, source: Source) -> None:
    folder, alert = source.folder(tmp_path / "agent"), make_alert()
    folder.fetch(alert)
    mine = tmp_path / "agent" / "holiday" / "me.jpg"
    mine.parent.mkdir()
    mine.write_bytes(JPEG)
    beside = tmp_path / "agent" / alert.alert_id / "note.txt"
    beside.write_text("keep")
    folder.delete_all()
    assert files(tmp_path) == sorted([mine, beside])


def test_a_folder_that_somebody_deleted_is_no_error(tmp_path: Path, source: Source) -> None:
    folder, alert = source.folder(tmp_path / "agent"), make_alert()
    (tmp_path / "agent").rmdir()
    folder.fetch(alert)
    assert folder.paths(alert.alert_id) == ImagePaths()
    folder.delete_all()


def test_folder_that_cannot_be_made_is_said(tmp_path: Path, source: Source) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgramError, match="Pictures cannot be kept"):
        source.folder(tmp_path / "file" / "agent")


@pytest.fixture
def server() -> Iterator[AlertServer]:
    with AlertServer(EventLog()) as running:
        yield running


def fetched(server: AlertServer, folder: Path) -> ImagePaths:
    """Raise an alert with a picture, and return where the pictures are that a client loads of it."""
    raised = server.log.raise_alert(alert_message())
    alert = replace(make_alert(alert_id=raised.alert.alert_id), probe_capture_id=raised.alert.probe_capture_id)
    with closing(AlertClient(Calls(Dialer(server.address, None)), "pc-1", AlertFilter(), NOBODY)) as client:
        pictures = PictureFolder(folder, client.pictures, LIFETIME)
        pictures.fetch(alert)
        return pictures.paths(alert.alert_id)


def test_the_servers_pictures_come_as_files(server: AlertServer, tmp_path: Path) -> None:
    assert fetched(server, tmp_path).probe


@pytest.mark.parametrize("failure", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_an_alert_whose_pictures_are_refused_has_none(
    server: AlertServer, tmp_path: Path, failure: grpc.StatusCode
) -> None:
    server.failures["GetAlert with images"] = failure
    assert fetched(server, tmp_path) == ImagePaths()
