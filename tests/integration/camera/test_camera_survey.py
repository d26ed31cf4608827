"""`cekalwatch-camera survey` and `preview` as a technician runs them."""

from __future__ import annotations

import json
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageGrab

from cekalwatch.camera.survey.pictures import AMBER, GREEN
from cekalwatch.program.errors import Exit
from cekalwatch.v1.camera_service_pb2 import ListSurveysRequest
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.camera_program import camera_command
from tests.support.fakes.x_display import x_display
from tests.support.scenarios.server import running, settings
from tests.support.tools.packs import light_pack

NEAR = Walk(begin=(300, 300), end=(420, 300), head_px=(170, 180), first_frame=0, last_frame=40)
FAR = Walk(begin=(700, 150), end=(660, 160), head_px=(40, 46), first_frame=5, last_frame=45)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody near the camera and somebody far from it."""
    return write_video(tmp_path_factory.mktemp("survey") / "two.avi", [NEAR, FAR], frames=50)


@dataclass(frozen=True)
class Surveyed:
    """What a run left."""

    code: int
    said: str
    errors: str
    figures: dict[str, Any]
    page: str
    files: set[str]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def surveyed(source: Path, home: Path, *options: str, **environment: str) -> Surveyed:
    code, said, errors = await camera_command(
        *("survey", "--source", str(source), "--detector", str(light_pack()), "--json", "figures.json", *options),
        home=home,
        **environment,
    )
    files = files_below(home)
    if code not in {Exit.OK, Exit.DATA_PROBLEMS}:
        return Surveyed(code, said, errors, {}, "", files)
    figures, page = (home / "figures.json").read_text(), (home / "survey.html").read_text()
    return Surveyed(code, said, errors, json.loads(figures), page, files)


@pytest.mark.slow
async def test_the_passages_fit_for_an_alert_are_counted_and_the_report_needs_nothing_else(video: Path, tmp_path: Path):
    done = await surveyed(video, tmp_path)
    assert done.code == Exit.OK, done.errors
    assert (done.figures["passages"], done.figures["fit"], done.figures["sendable"]) == (2, 1, 1)
    assert done.figures["flaws"]["small"] == 1
    assert done.figures["recording"]["frames"] == 50
    assert "1 of 2 passages had a face fit for an alert (50%)" in done.said
    assert "1 of 2 passages" in done.page
    assert done.page.count("data:image/jpeg;base64,") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', done.page)
    assert done.files == {"figures.json", "survey.html"}
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in done.files} == {0o600}


@pytest.mark.slow
async def test_it_speaks_indonesian_and_ends_after_its_time(video: Path, tmp_path: Path):
    done = await surveyed(video, tmp_path, "--language", "id", "--minutes", "0.05")
    assert done.code == Exit.OK, done.errors
    assert '<html lang="id">' in done.page
    assert "dari 2 perlintasan" in done.said
    assert "Survei kamera" in done.page


@pytest.mark.slow
async def test_a_view_without_anybody_says_so(tmp_path: Path):
    empty = write_video(tmp_path / "empty.avi", [], frames=20)
    done = await surveyed(empty, tmp_path)
    assert done.code == Exit.DATA_PROBLEMS
    assert "Nobody passed" in done.said
    assert done.figures["distributions"] == {}


@pytest.mark.slow
async def test_no_option_leaves_travellers_recognisable_in_the_report(tmp_path: Path):
    done = await surveyed(tmp_path / "none.mp4", tmp_path, "--show-faces")
    assert done.code == Exit.USAGE
    assert "No such option: --show-faces" in done.errors
    assert done.files == set()


@pytest.mark.slow
async def test_a_source_that_is_not_there_and_a_folder_that_is_not_there(video: Path, tmp_path: Path):
    assert (await surveyed(tmp_path / "none.mp4", tmp_path)).code == Exit.UNAVAILABLE
    done = await surveyed(video, tmp_path, "--report", str(tmp_path / "no" / "survey.html"))
    assert done.code == Exit.NO_INPUT
    assert done.files == set()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is not installed")
def test_the_preview_frames_faces_until_a_key_ends_it(tmp_path: Path):
    long = Walk(NEAR.begin, NEAR.end, NEAR.head_px, first_frame=0, last_frame=300)
    frames = write_video(tmp_path / "long.avi", [long], frames=300, fps=5)
    with x_display(tmp_path) as display:
        preview = display.start(
            *(sys.executable, "-m", "cekalwatch.camera", "preview", "--source", str(frames)),
            *("--detector", str(light_pack())),
            output="preview.out",
        )
        window = display.window("Cekalwatch")

        def shows(colour: tuple[int, int, int]) -> bool:
            screen = np.asarray(ImageGrab.grab(xdisplay=display.environment["DISPLAY"]).convert("RGB")).astype(int)
            return bool((np.abs(screen - colour[::-1]).max(axis=2) < 12).sum() > 50)

        wait_for(lambda: shows(GREEN) or shows(AMBER))
        display.do("xdotool", "windowactivate", "--sync", window)
        display.do("xdotool", "key", "--window", window, "q")
        assert preview.wait(30) == Exit.OK, (tmp_path / "preview.out").read_text()
        (told,) = (tmp_path / "preview.out").read_text().splitlines()
        assert told.startswith("Using the server ")


@pytest.mark.slow
async def test_the_preview_says_when_there_is_no_screen(video: Path, tmp_path: Path):
    code, _, errors = await camera_command(
        "preview", "--source", str(video), "--detector", str(light_pack()), home=tmp_path
    )
    assert code == Exit.UNAVAILABLE
    assert errors.splitlines()[1].startswith("Error: No window can be opened here")


@pytest.mark.slow
async def test_the_numbers_are_sent_when_that_is_asked_for_and_nothing_else(video: Path, tmp_path: Path):
    home, data = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    data.mkdir()
    async with running(settings(data)) as server:
        where = {"CEKALWATCH_CAMERA_SERVER_ADDRESSES": server.address}
        nameless = await surveyed(video, home, "--send", **where)
        assert (nameless.code, nameless.files) == (Exit.USAGE, set())
        assert "--camera-id" in nameless.errors
        done = await surveyed(video, home, "--send", "--camera-id", "dep-1", **where)
        assert done.code == Exit.OK, done.errors
        assert f"The results were sent to the server {server.address}" in done.said
        stub: Any = CameraServiceStub(server.channel)
        (kept,) = (await stub.ListSurveys(ListSurveysRequest(camera_id="dep-1"))).surveys
        assert (kept.survey.passages, kept.survey.passages_fit) == (2, 1)
        assert kept.survey.eye_distance_px.p50 == pytest.approx(
            done.figures["distributions"]["eye_distance_px"]["p50"], rel=1e-5
        )
        unknown = await surveyed(video, home, "--send", "--camera-id", "gate-9", **where)
        assert "No camera with this key is configured on the server" in unknown.errors
