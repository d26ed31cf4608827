from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from structlog.testing import capture_logs

from cekalwatch.camera.sources.files import FileSource, FolderReader, FramePace, VideoReader
from cekalwatch.camera.sources.frames import Frame, SourceError
from tests.support.builders.camera import ManualClock
from tests.support.builders.scenes import write_video


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "empty.avi", [], frames=20, fps=10, size=(160, 120))


def opened(path: Path, pace: FramePace, clock: ManualClock) -> FileSource:
    return FileSource(VideoReader(path), "file", pace, clock)


def test_a_video_gives_every_frame_at_its_place(video: Path, clock: ManualClock) -> None:
    source = opened(video, FramePace.UNPACED, clock)
    frames = list(source)
    assert [frame.at_s for frame in frames] == pytest.approx([number / 10 for number in range(20)])
    assert frames[0].picture.shape == (120, 160, 3)
    assert clock.passed_s == 0
    assert source.can_wait


def test_in_realtime_frames_come_when_they_are_due(video: Path, clock: ManualClock) -> None:
    source = opened(video, FramePace.REALTIME, clock)
    for number, frame in enumerate(source):
        assert clock.passed_s == pytest.approx(number / 10)
        assert frame.captured_at == clock.now()
    assert source.dropped == 0
    assert not source.can_wait


def test_in_realtime_who_is_behind_loses_frames_and_gets_the_one_that_is_due(video: Path, clock: ManualClock) -> None:
    source = opened(video, FramePace.REALTIME, clock)
    seen = []
    for frame in source:
        seen.append(round(frame.at_s * 10))
        clock.passed_s += 0.25
    assert seen == [0, 2, 5, 7, 10, 12, 15, 17]
    assert source.dropped == 20 - 8


def test_closing_ends_the_frames(video: Path, clock: ManualClock) -> None:
    source = opened(video, FramePace.UNPACED, clock)
    frames = iter(source)
    assert isinstance(next(frames), Frame)
    source.close()
    assert list(frames) == []


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    with pytest.raises(SourceError, match=r"notes\.mp4 cannot be read as a video"):
        VideoReader(path)


def picture(path: Path, grey: int) -> None:
    assert cv2.imwrite(str(path), np.full((40, 60, 3), grey, np.uint8))


def test_a_folder_gives_its_pictures_by_name_and_passes_over_what_it_cannot_read(
    tmp_path: Path, clock: ManualClock
) -> None:
    picture(tmp_path / "b.png", 20)
    picture(tmp_path / "c.JPG", 30)
    picture(tmp_path / "a.jpeg", 10)
    (tmp_path / "aa.jpg").write_bytes(b"damaged")
    (tmp_path / "d.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with capture_logs() as logs:
        frames = list(FileSource(FolderReader(tmp_path), "folder", FramePace.UNPACED, clock))
    assert [(line["position"], line["problem"]) for line in logs] == [(2, "no JPEG"), (5, "a HEIC: save it as JPEG")]
    assert [round(float(frame.picture.mean()), -1) for frame in frames] == [10, 20, 30]
    assert [frame.at_s for frame in frames] == pytest.approx([0, 0.2, 0.4])


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no"):
        FolderReader(tmp_path)


def test_a_folder_of_damaged_pictures_is_an_error_not_an_empty_scene(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "a.jpg").write_bytes(b"damaged")
    with pytest.raises(SourceError, match="no picture that can be read"):
        list(FileSource(FolderReader(tmp_path), "folder", FramePace.UNPACED, clock))
