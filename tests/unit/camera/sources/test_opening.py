from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.frames import SourceError
from cekalwatch.camera.sources.opening import open_source, with_login, without_password
from tests.support.builders.scenes import write_video


def camera(source: str) -> OneCamera:
    return OneCamera(camera_id="gate-1", source=source)


def test_a_file_and_a_folder_end_by_themselves(tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.avi", [], frames=3, size=(160, 120))
    source = open_source(camera(str(video)), SystemClock())
    assert (source.name, source.endless, len(list(source))) == ("file walk.avi", False, 3)


def test_what_is_not_there_is_an_error_that_says_what_can_be_given() -> None:
    with pytest.raises(SourceError, match="video file, a folder of pictures, a device number"):
        open_source(camera("nowhere.mp4"), SystemClock())


def test_a_device_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SourceError, match="camera device 98 cannot be opened"):
        open_source(camera("98"), SystemClock())


def test_a_network_camera_that_does_not_answer_is_an_error_without_its_password() -> None:
    with pytest.raises(SourceError) as error:
        open_source(camera("rtsp://watcher:secret@127.0.0.1:9/stream"), SystemClock())
    assert "rtsp://127.0.0.1:9/stream cannot be opened" in str(error.value)
    assert "secret" not in str(error.value)


def test_user_and_password_come_from_the_settings_unless_the_address_has_them(tmp_path: Path) -> None:
    file = tmp_path / "password"

    def apart(source: str) -> OneCamera:
        return OneCamera(camera_id="gate-1", source=source, source_user="a/b", source_password_file=file)

    with pytest.raises(SourceError, match="cannot be read"):
        with_login(apart("rtsp://10.0.0.7:554/1"))
    file.write_text("p@:/?\n")
    for source, shown in (
        ("rtsp://10.0.0.7:554/1", "rtsp://a%2Fb:p%40%3A%2F%3F@10.0.0.7:554/1"),
        ("rtsp://other@10.0.0.7/1", "rtsp://a%2Fb:p%40%3A%2F%3F@10.0.0.7/1"),
        ("rtsp://u:p@10.0.0.7/1", "rtsp://u:p@10.0.0.7/1"),
    ):
        assert with_login(apart(source)) == shown
    assert with_login(camera("rtsp://10.0.0.7/1")) == "rtsp://10.0.0.7/1"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://u:p@10.0.0.7:554/a", "rtsp://10.0.0.7:554/a"),
        ("rtsp://10.0.0.7/a?user=u&password=p", "rtsp://10.0.0.7/a"),
        ("rtsp://u:p@ss@10.0.0.7/a", "rtsp://10.0.0.7/a"),
    ],
)
def test_names_hold_no_password(address: str, shown: str) -> None:
    assert without_password(address) == shown
