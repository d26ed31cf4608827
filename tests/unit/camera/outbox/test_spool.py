"""The spool's files: what is in them, what somebody can read, and what becomes of it when they are damaged."""

from __future__ import annotations

import base64
import dataclasses
import os
import random
import resource
import stat
from pathlib import Path

import pytest

from cekalwatch.camera.outbox.spool import (
    DamagedError,
    ForeignError,
    Spool,
    SpoolError,
    read_or_make,
    refuse_shared_key,
)
from cekalwatch.contract.values.cameras import SpoolState
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.program.errors import ProgramError
from tests.support.builders.camera import capture_of
from tests.support.scenarios.spools import file_system, make_read_only
from tests.support.tools.raw_files import JFIF, folder_bytes, pieces, shown

RUN = "0198a4b0-aaaa-7bbb-8ccc-dddddddddddd"


def spool_in(folder: Path, key: str = "spool.key", camera_id: str = "gate-1") -> Spool:
    spool = Spool(folder / "spool" / camera_id, folder / key, camera_id, RUN)
    spool.open()
    return spool


def file_of(folder: Path, capture: FaceCapture) -> Path:
    [file] = (folder / "spool").rglob(f"{capture.capture_id}*")
    return file


def test_a_capture_comes_back_as_it_was_with_the_run_that_took_it(tmp_path: Path) -> None:
    capture = capture_of("17", 0.75)
    size = spool_in(tmp_path).store(capture)
    again = spool_in(tmp_path)
    assert again.sizes() == {capture.capture_id: size}
    found = again.load(capture.capture_id)
    assert found.run_id == RUN
    assert found.jpeg == capture.jpeg
    assert (found.track_id, found.captured_at) == ("17", capture.captured_at)
    assert found.quality.score == pytest.approx(0.75)
    for place, was in zip(found.landmarks, capture.landmarks, strict=True):
        assert place == pytest.approx(was)


def test_the_files_show_nothing_of_a_face_and_nothing_is_left_when_it_is_removed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    captures = [capture_of(f"a track of {number}") for number in range(3)]
    for capture in captures:
        spool.store(capture)
    written = folder_bytes(tmp_path)
    secrets = [JFIF, *pieces(captures[0].jpeg), *(b"a track of %d" % number for number in range(3)), RUN.encode()]
    assert shown(written, secrets) == []
    sealed = {key: file_of(tmp_path, captures[key]).read_bytes() for key in range(3)}
    assert shown(written, pieces(sealed[0])), "the search finds what is there"
    for capture in captures[:2]:
        spool.remove(capture.capture_id)
    left = folder_bytes(tmp_path)
    assert shown(left, [*pieces(sealed[0]), *pieces(sealed[1])]) == []
    assert spool.load(captures[2].capture_id).jpeg == captures[2].jpeg
    spool.remove(captures[0].capture_id)


def test_only_the_owner_can_read_what_the_spool_writes(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "config")
    spool.store(capture_of("1"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "config").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "config" / "spool" / "gate-1").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o700


def test_the_key_is_made_once(tmp_path: Path) -> None:
    first = read_or_make(tmp_path / "new" / "spool.key")
    assert read_or_make(tmp_path / "new" / "spool.key") == first
    assert len(first.secret) == 32
    assert read_or_make(tmp_path / "other.key") != first
    assert base64.b64encode(first.secret).decode() not in repr(first)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    spool_in(tmp_path)
    key = tmp_path / "spool.key"
    key.chmod(mode)
    with pytest.raises(ProgramError, match="chmod 600"):
        refuse_shared_key(key)
    with pytest.raises(SpoolError, match="chmod 600"):
        spool_in(tmp_path)
    key.chmod(0o600)
    refuse_shared_key(key)
    refuse_shared_key(tmp_path / "none yet")


@pytest.mark.parametrize("content", [b"", b"no key", base64.b64encode(bytes(16))])
def test_a_file_that_holds_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spool.key").write_bytes(content)
    (tmp_path / "spool.key").chmod(0o600)
    with pytest.raises(SpoolError, match="holds no key") as failed:
        spool_in(tmp_path)
    assert failed.value.state is SpoolState.FAILED


def test_every_single_flipped_byte_is_noticed_and_costs_one_capture(tmp_path: Path) -> None:
    spool, chance = spool_in(tmp_path), random.Random(7)  # noqa: S311  # places, no secrets
    damaged, other = dataclasses.replace(capture_of("1"), jpeg=bytes(500)), capture_of("2")
    spool.store(damaged)
    spool.store(other)
    file = file_of(tmp_path, damaged)
    whole = file.read_bytes()
    for place in [*range(40), *(chance.randrange(len(whole)) for _ in range(60)), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        with pytest.raises((DamagedError, ForeignError)):
            spool.load(damaged.capture_id)
    assert spool.load(other.capture_id).jpeg == other.jpeg


@pytest.mark.parametrize("kept", [0, 3, 24, 25, 200])
def test_a_truncated_file_is_damaged(tmp_path: Path, kept: int) -> None:
    spool, capture = spool_in(tmp_path), capture_of("1")
    spool.store(capture)
    os.truncate(file_of(tmp_path, capture), kept)
    with pytest.raises(DamagedError):
        spool.load(capture.capture_id)


def test_a_file_of_another_capture_or_camera_does_not_open(tmp_path: Path) -> None:
    spool, capture, other = spool_in(tmp_path), capture_of("1"), capture_of("2")
    spool.store(capture)
    spool.store(other)
    file_of(tmp_path, capture).write_bytes(file_of(tmp_path, other).read_bytes())
    with pytest.raises(DamagedError):
        spool.load(capture.capture_id)
    elsewhere = spool_in(tmp_path, camera_id="gate-2")
    file_of(tmp_path, other).rename(tmp_path / "spool" / "gate-2" / file_of(tmp_path, other).name)
    with pytest.raises(DamagedError):
        elsewhere.load(other.capture_id)


def test_what_another_key_sealed_or_a_newer_version_wrote_is_told_apart(tmp_path: Path) -> None:
    capture = capture_of("1")
    spool_in(tmp_path).store(capture)
    with pytest.raises(ForeignError, match="another key"):
        spool_in(tmp_path, key="other.key").load(capture.capture_id)
    file = file_of(tmp_path, capture)
    content = bytearray(file.read_bytes())
    content[4] += 1
    file.write_bytes(content)
    with pytest.raises(ForeignError, match="newer version"):
        spool_in(tmp_path).load(capture.capture_id)


def test_half_written_files_are_cleared_away_and_others_are_left_alone(tmp_path: Path) -> None:
    spool, capture = spool_in(tmp_path), capture_of("1")
    spool.store(capture)
    folder = tmp_path / "spool" / "gate-1"
    (folder / "0198a4b0-aaaa-7bbb-8ccc-dddddddddddd.draft").write_bytes(b"half")
    (folder / "readme.txt").write_text("by a person")
    (folder / "odd.capture").write_text("by a person")
    assert list(spool_in(tmp_path).sizes()) == [capture.capture_id]
    assert sorted(file.name for file in folder.iterdir() if file.stem != capture.capture_id) == [
        "odd.capture",
        "readme.txt",
    ]


def test_a_full_disk_is_told_leaves_nothing_half_written_and_is_read_and_emptied(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", "-o", "size=256k") as disk:
        spool = Spool(disk / "gate-1", tmp_path / "spool.key", "gate-1", RUN)
        spool.open()
        stored: list[FaceCapture] = []
        with pytest.raises(SpoolError) as failed:
            while True:
                capture = capture_of("1")
                spool.store(capture)
                stored.append(capture)
        assert failed.value.state is SpoolState.DISK_FULL
        assert len(stored) >= 5
        with pytest.raises(SpoolError):
            spool.probe()
        assert list(spool.sizes()) == sorted(capture.capture_id for capture in stored)
        assert not list(disk.rglob("*.draft"))
        assert spool.load(stored[-1].capture_id).jpeg == stored[-1].jpeg
        for capture in stored[:3]:
            spool.remove(capture.capture_id)
        spool.store(capture_of("1"))


def test_a_disk_that_can_be_read_only_is_told(tmp_path: Path) -> None:
    capture = capture_of("1")
    with file_system(tmp_path / "disk") as disk:
        spool = Spool(disk / "gate-1", tmp_path / "spool.key", "gate-1", RUN)
        spool.open()
        spool.store(capture)
        make_read_only(disk)
        for refused in (lambda: spool.store(capture_of("2")), lambda: spool.remove(capture.capture_id), spool.probe):
            with pytest.raises(SpoolError) as failed:
                refused()
            assert failed.value.state is SpoolState.READ_ONLY
        assert spool.load(capture.capture_id).jpeg == capture.jpeg


def test_a_limit_on_files_is_a_full_disk(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(SpoolError) as failed:
            spool.store(capture_of("1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failed.value.state is SpoolState.DISK_FULL
    assert not list(tmp_path.rglob("*.draft"))
    assert spool.sizes() == {}
