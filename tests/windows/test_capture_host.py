"""A capture host from its installation to its removal, under Wine, with a film as its camera and a real server."""

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

import pytest

from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation
from deploy.demo.stack import kept_port
from deploy.packages.__main__ import time_of
from deploy.windows.msi import make_installer
from deploy.windows.product import CAMERA, REGISTRY_KEY, Product
from deploy.windows.tree import PACKAGES
from tests.support.builders.scenes import Walk, write_video
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
HOST = Identity(DeviceRole.CAMERA, SITE, "dep-1")
VERSION, NEXT = version("cekalwatch"), "99.0.0"
STARTING_S = 240.0
"""Under Wine with much other work, the service takes long until it has its libraries."""


@pytest.fixture(scope="module")
def installers(trees: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of this version and of the next one, which has the same files; both with what Wine lacks."""
    out, made_at = tmp_path_factory.mktemp("installers"), time_of(ROOT)
    tree = out / "tree"
    shutil.copytree(trees[CAMERA], tree, copy_function=os.link)
    add_complex_math(tree / PACKAGES)
    this, newer = (make_installer(CAMERA, number, tree, made_at, out) for number in (VERSION, NEXT))
    return this, newer


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """The listed person passes every ten seconds, for some minutes."""
    walks = [
        Walk(begin=(150, 200), end=(500, 200), head_px=(100, 110), first_frame=first, last_frame=first + 35)
        for first in range(0, 3000, 50)
    ]
    return write_video(tmp_path / "film.avi", walks, frames=3000, fps=5, size=(640, 360))


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
        # Wine ends its services with the last other program.
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
    return [key for key, file in pc.running().items() if PureWindowsPath(file).name == "pythonw.exe"]


def test_a_capture_host_from_installation_to_removal(
    pc: WinePc,
    office: OfficeThread,
    film: Path,
    installers: tuple[Path, Path],
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
):
    this, newer = installers
    before, took = pc.files(), dict[str, float]()
    shutil.copytree(light_pack(), pc.data / "models" / "standard")
    policy = r"HKLM\Software\Policies\Cekalwatch\Camera"
    assert pc.run("reg", "add", policy, "/v", "realtime", "/t", "REG_DWORD", "/d", "1", "/f", "/reg:64").code == 0
    (tmp_path / "password").write_text("of the camera\n")
    given = {"INVITATION": pc.path_of(tmp_path / "invitation"), "SOURCE": pc.path_of(film)}
    login = {"CAMERAUSER": "watcher", "PASSWORDFILE": pc.path_of(tmp_path / "password")}
    with measured(took, "install"):
        assert pc.install(this, **given, **login) == 0
    settings = (pc.data / "camera.toml").read_text()
    assert 'source_user = "watcher"' in settings
    assert "of the camera" not in settings
    sealed = pc.data / "tls" / "camera" / "dep-1" / "source.password"
    assert b"of the camera" not in sealed.read_bytes()
    assert VERSION in command(pc)
    grows(office)
    assert state(pc) == "RUNNING"
    log = pc.data / "camera" / "Logs" / f"{SERVICE}.log"
    assert '"event": "settings_read"' in log.read_text()
    assert (pc.data / "camera" / "spool.key").exists()

    # Windows starts it again; Wine has no actions after a failure, so that somebody does.
    for key in services(pc):
        os.kill(key, signal.SIGKILL)
    until(lambda: state(pc) == "STOPPED")
    assert pc.run("sc", "start", SERVICE).code == 0
    grows(office)

    with measured(took, "upgrade"):
        assert pc.install(newer) == 0
    assert NEXT in command(pc)
    assert [path.name for path in (pc.programs / "camera").iterdir()] == [NEXT]
    assert state(pc) == "RUNNING"
    grows(office)

    pc.run("sc", "stop", SERVICE)
    until(lambda: state(pc) == "STOPPED")
    assert log.read_text().count('"event": "camera_ends"') == 2, "at the upgrade, and now"
    assert services(pc) == []

    with measured(took, "uninstall"):
        assert pc.uninstall(newer) == 0
    assert state(pc) == ""
    assert pc.registry(REGISTRY_KEY, "camera") is None
    assert {name for name in pc.files() - before if not name.startswith("ProgramData/cekalwatch/")} == set()
    record_testsuite_property("seconds", took)
