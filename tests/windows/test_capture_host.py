"""A capture host from its installation to its removal, under Wine, with a network camera and a real server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import pytest

from cekalwatch.vision.faces import Picture
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation
from deploy.demo.stack import kept_port
from deploy.packages.__main__ import time_of
from deploy.packages.environment import compile_modules
from deploy.windows.msi import make_installer
from deploy.windows.product import CAMERA, REGISTRY_KEY, Product
from deploy.windows.tree import PACKAGES
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.rtsp_camera import encode, rtsp_camera
from tests.support.repository import ROOT
from tests.support.scenarios.officer_pc import OfficeThread
from tests.support.scenarios.site_pki import SITE, now
from tests.support.tools.packs import light_pack
from tests.support.windows.complex_math import add_complex_math
from tests.support.windows.wine import MISSING, WinePc, wine_pc
from tests.windows.test_officer_pc import measured

pytestmark = [
    pytest.mark.wine,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]
SERVICE = "cekalwatch-camera"
EVENTS = rf"SYSTEM\CurrentControlSet\Services\EventLog\Application\{SERVICE}"
HOST = Identity(DeviceRole.CAMERA, SITE, "dep-1")
OLDER, VERSION, NEXT, BROKEN = "0.0.1", version("cekalwatch"), "98.0.0", "99.0.0"
RATE = 5
STARTING_S = 240.0
"""Under Wine with much other work, the service takes long until it has its libraries."""


@pytest.fixture(scope="module")
def installers(trees: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By version: this one and the next one, which has the same files; and what else somebody may install."""
    out, made_at = tmp_path_factory.mktemp("installers"), time_of(ROOT)
    tree = out / "tree"
    shutil.copytree(trees[CAMERA], tree, copy_function=os.link)
    add_complex_math(tree / PACKAGES)
    made = {one: make_installer(CAMERA, one, tree, made_at, out) for one in (VERSION, NEXT)}
    made[BROKEN] = make_installer(CAMERA, BROKEN, _damaged(tree, out / "damaged"), made_at, out)
    (out / "empty").mkdir()
    for name in ("python.exe", "pythonw.exe"):
        (out / "empty" / name).hardlink_to(tree / name)
    made[OLDER] = make_installer(CAMERA, OLDER, out / "empty", made_at, out)
    return made


def _damaged(tree: Path, out: Path) -> Path:
    """Copy a version so that it says its number, and cannot answer as a service."""
    shutil.copytree(tree, out, copy_function=os.link, ignore=shutil.ignore_patterns("cv2", "numpy*", "onnxruntime"))
    (service,) = out.rglob("servicemanager.pyd")
    program = out / PACKAGES / "cekalwatch" / "camera" / "__main__.py"
    for file in (service, program, *program.parent.glob("__pycache__/__main__.*")):
        file.unlink()
    program.touch()
    compile_modules(out, program.parent, "")
    return out


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[str]:
    """The address of a network camera, where the listed person passes every ten seconds."""
    walks = [
        Walk(begin=(150, 200), end=(500, 200), head_px=(100, 110), first_frame=first, last_frame=first + 35)
        for first in (0, 50)
    ]
    film = write_video(tmp_path / "film.avi", walks, frames=100, fps=RATE, size=(640, 360))
    with rtsp_camera() as served:
        served.play("gate", encode(_pictures(film), tmp_path / "film.h264", rate=RATE), rate=RATE)
        yield f"rtsp://127.0.0.1:{served.port}/gate"


def _pictures(film: Path) -> Iterator[Picture]:
    capture = cv2.VideoCapture(str(film))
    while (read := capture.read())[0]:
        yield read[1].astype(np.uint8, copy=False)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with kept_port() as port:
        opened = OfficeThread(tmp_path / "office", enrolment_listen=f"127.0.0.1:{port}")
        invited = opened.office.site.pki.invite(HOST, now(), timedelta(hours=1))
        with opened.open():
            (tmp_path / "invitation").write_text(
                DeviceInvitation(HOST, opened.office.address, f"127.0.0.1:{port}", invited).text
            )
            yield opened


@pytest.fixture
def pc(trees: Mapping[Product, Path], tmp_path: Path) -> Iterator[WinePc]:
    with wine_pc(tmp_path / "wine") as made:
        # Wine ends its services with the last other program, and says there what they write to the event log.
        made.environment["WINEDEBUG"] = "-all,+eventlog"
        made.start(trees[CAMERA] / "python.exe", "-I", "-c", "import time; time.sleep(3600)")
        yield made


def sightings(office: OfficeThread) -> int:
    """How many crops of the listed person the server has."""
    with office.office.database.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM sighting").scalar_one())


def until(condition: Callable[[], bool]) -> None:
    """Wait for something on the host."""
    deadline = time.monotonic() + STARTING_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def grows(office: OfficeThread) -> None:
    """Wait until another crop of the listed person comes."""
    before = sightings(office)
    until(lambda: sightings(office) > before)


def state(pc: WinePc) -> str:
    """What the service is doing; empty: there is none."""
    found = re.search(r"STATE\s+: \d+\s+(\w+)", pc.run("sc", "query", SERVICE).output)
    return found[1] if found else ""


def command(pc: WinePc) -> str:
    """What the service starts."""
    done = pc.run("reg", "query", rf"HKLM\System\CurrentControlSet\Services\{SERVICE}", "/v", "ImagePath")
    return done.output.rpartition("REG_EXPAND_SZ")[2].strip()


def services(pc: WinePc) -> list[int]:
    """The processes of the installed programs, by this machine's numbers."""
    return [key for key, file in pc.running().items() if PureWindowsPath(file).name == CAMERA.program]


def is_well(pc: WinePc, office: OfficeThread, number: str) -> bool:
    """Return whether that version is installed, alone, runs, and sends another crop."""
    grows(office)
    entered = re.search(r"camera.(\d+\.\d+\.\d+)-\w+.Cekalwatch", command(pc))
    installed = [path.name.partition("-")[0] for path in (pc.programs / "camera").iterdir()]
    told_by = pc.registry(EVENTS, "EventMessageFile") or ""
    told = (state(pc), entered and entered[1], installed, rf"\{number}-" in told_by)
    return told == ("RUNNING", number, [number], True)


def test_a_capture_host_from_installation_to_removal(
    pc: WinePc,
    office: OfficeThread,
    camera: str,
    installers: Mapping[str, Path],
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
):
    before, took = pc.files(), dict[str, float]()
    shutil.copytree(light_pack(), pc.data / "models" / "standard")
    (tmp_path / "password").write_text("of the camera\n")
    given = {"INVITATION": pc.path_of(tmp_path / "invitation"), "SOURCE": camera}
    login = {"CAMERAUSER": "watcher", "PASSWORDFILE": pc.path_of(tmp_path / "password")}
    with measured(took, "install"):
        assert pc.install(installers[VERSION], **given, **login) == 0
    settings = (pc.data / "camera.toml").read_text()
    assert 'source_user = "watcher"' in settings
    assert "of the camera" not in settings
    sealed = pc.data / "tls" / "camera" / "dep-1" / "source.password"
    assert b"of the camera" not in sealed.read_bytes()
    assert is_well(pc, office, VERSION)
    log = pc.data / "camera" / "Logs" / f"{SERVICE}.log"
    assert '"event": "settings_read"' in log.read_text()
    assert (pc.data / "camera" / "spool.key").exists()
    assert f"{SERVICE} {VERSION} runs." in pc.said()
    assert "err:eventlog" not in pc.said(), "an administrator sees an error where there is none"

    # Windows starts it again; Wine has no actions after a failure, so that somebody does.
    for key in services(pc):
        os.kill(key, signal.SIGKILL)
    until(lambda: state(pc) == "STOPPED")
    assert pc.run("sc", "start", SERVICE).code == 0
    grows(office)

    assert pc.install(installers[OLDER]) != 0
    assert f"{SERVICE} has stopped." not in pc.said(), "it was not touched"
    assert is_well(pc, office, VERSION)

    with measured(took, "upgrade"):
        assert pc.install(installers[NEXT]) == 0
    assert is_well(pc, office, NEXT)

    # Afterwards: Wine forgets with what it takes back which version was installed.
    with measured(took, "failed upgrade"):
        assert pc.install(installers[BROKEN]) != 0
    assert is_well(pc, office, NEXT)

    pc.run("sc", "stop", SERVICE)
    until(lambda: state(pc) == "STOPPED")
    assert log.read_text().count('"event": "camera_ends"') == 3, "at both upgrades, and now"
    until(lambda: not services(pc))
    until(lambda: pc.said().count(f"{SERVICE} has stopped.") == 3)

    with measured(took, "uninstall"):
        assert pc.uninstall(installers[NEXT]) == 0
    assert state(pc) == ""
    assert pc.registry(REGISTRY_KEY, "camera") is None
    assert pc.registry(EVENTS, "EventMessageFile") is None
    assert {name for name in pc.files() - before if not name.startswith("ProgramData/cekalwatch/")} == set()
    record_testsuite_property("seconds", took)
