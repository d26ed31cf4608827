"""An officer's PC from its installation to its removal, under Wine, with a real server beside it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np
import pytest

from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation
from deploy.demo.stack import kept_port
from deploy.packages.__main__ import time_of
from deploy.windows.msi import make_installer
from deploy.windows.product import NOTIFIER, REGISTRY_KEY, Product
from deploy.windows.source import AGENT
from tests.support.fakes.alert_server import wait_for
from tests.support.fakes.x_display import XDisplay, x_display
from tests.support.repository import ROOT
from tests.support.scenarios.officer_pc import OfficeThread
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.server import face
from tests.support.scenarios.site_pki import SITE, now
from tests.support.windows.wine import MISSING, WinePc, add_text_codecs, wine_pc

pytestmark = [
    pytest.mark.wine,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"),
]
PC = Identity(DeviceRole.NOTIFIER, SITE, "counter-d1")
VERSION = version("cekalwatch")
NEXT = "99.0.0"
TITLE = "Alert: possible match"
OWN_DATA = "users/root/AppData/Local/cekalwatch-notifier/"
SAME = 0.8
"""Correlation from which on a part of the screen is the picture: it is scaled there, and has been a JPEG twice."""


@pytest.fixture(scope="module")
def installers(
    shipped: Mapping[Product, Path], trees: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Of this version, as it is shipped, and of the next one, which has the same files."""
    next_one = make_installer(NOTIFIER, NEXT, trees[NOTIFIER], time_of(ROOT), tmp_path_factory.mktemp("installers"))
    return shipped[NOTIFIER], next_one


@pytest.fixture
def port() -> Iterator[int]:
    with kept_port() as port:
        yield port


@pytest.fixture
def office(tmp_path: Path, port: int) -> Iterator[OfficeThread]:
    opened = OfficeThread(tmp_path / "office", enrolment_listen=f"127.0.0.1:{port}")
    invited = opened.office.site.pki.invite(PC, now(), timedelta(hours=1))
    with opened.open():
        invitation = DeviceInvitation(PC, opened.office.address, f"127.0.0.1:{port}", invited)
        (tmp_path / "invitation").write_text(invitation.text)
        yield opened


@pytest.fixture
def display(tmp_path: Path) -> Iterator[XDisplay]:
    with x_display(tmp_path) as opened:
        yield opened


@pytest.fixture
def pc(tmp_path: Path, display: XDisplay) -> Iterator[WinePc]:
    with wine_pc(tmp_path / "wine") as made:
        # From the beginning: while anything runs that was started without a display, Wine shows no window of anything.
        made.environment["DISPLAY"] = display.environment["DISPLAY"]
        add_text_codecs(made)
        yield made


def start(pc: WinePc) -> None:
    """Sign in at Windows: what is in its registry starts."""
    program = PureWindowsPath(str(pc.registry(REGISTRY_KEY, "notifier")))
    pc.start(program / NOTIFIER.program, *AGENT.split(), "--language", "en")


def ring(office: OfficeThread, display: XDisplay) -> None:
    """Let the listed person pass until the window comes: who passed before the agent subscribed does not open it."""
    for track in ("1", "2", "3"):
        office.raise_alert(track)
        with suppress(AssertionError):
            display.window(TITLE)
            return
    raise AssertionError("no window came")


def sign_in(display: XDisplay) -> None:
    """Sign an officer in."""
    # Under Wine, a window that came to the front by itself has no keyboard before a click.
    display.do(*f"xdotool mousemove --window {display.window(TITLE)} 40 200 click 1".split())
    display.do("xdotool", "key", "space")
    display.window("Sign in")
    display.do("xdotool", "type", "--delay", "30", f"budi\t{PASSWORD}")
    display.do("xdotool", "key", "Return")


def says_so(display: XDisplay, upgrade: Future[int]) -> bool:
    """Return whether an officer reads of an upgrade before its end."""
    while not upgrade.done():
        if display.do("xdotool", "search", "--onlyvisible", "--name", "Cekalwatch is being updated"):
            return True
        time.sleep(0.1)
    return False


def likeness(display: XDisplay, folder: Path) -> float:
    """How like the best part of the screen is to the face that passed, at the size in which it is shown there."""
    shot = folder / "screen.png"
    name = display.environment["DISPLAY"]
    display.do(*f"ffmpeg -y -loglevel error -f x11grab -video_size 1600x1000 -i {name} -frames:v 1 {shot}".split())
    screen = cv2.imread(str(shot), cv2.IMREAD_GRAYSCALE)
    crop = cv2.imdecode(np.frombuffer(face().jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert screen is not None
    assert crop is not None
    # At half the size, which takes a tenth of the time.
    screen = cv2.resize(screen, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = 0.0
    for width in range(80, 240, 4):
        scaled = cv2.resize(crop, (width, crop.shape[0] * width // crop.shape[1]), interpolation=cv2.INTER_AREA)
        if scaled.shape[0] < screen.shape[0]:
            found = max(found, float(cv2.matchTemplate(screen, scaled, cv2.TM_CCOEFF_NORMED).max()))
    return found


def agents(pc: WinePc) -> dict[int, str]:
    """The agents that run, who keep others and who are kept, with their versions."""
    running = {key: PureWindowsPath(command) for key, command in pc.running().items()}
    return {
        key: program.parent.name.partition("-")[0]
        for key, program in running.items()
        if program.name == NOTIFIER.program
    }


def test_an_officers_pc_from_installation_to_removal(
    pc: WinePc,
    office: OfficeThread,
    display: XDisplay,
    installers: tuple[Path, Path],
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
):
    this, newer = installers
    before, took = pc.files(), dict[str, float]()
    with measured(took, "install"):
        assert pc.install(this) == 0
    command, invitation = r"C:\Program Files\Cekalwatch\cekalwatch-notifier.cmd", pc.path_of(tmp_path / "invitation")
    assert pc.type(f'"{command}" init --invitation "{invitation}"').code == 0
    assert {path.name for path in pc.data.rglob("*") if path.is_file()} >= {"notifier.toml", "key.pem"}
    office.list_people()
    start(pc)
    ring(office, display)
    assert likeness(display, tmp_path) < SAME, "nobody has signed in"
    sign_in(display)
    wait_for(lambda: likeness(display, tmp_path) >= SAME)

    # The newest process is the agent, whom the other one starts again.
    kept = agents(pc)
    assert list(kept.values()) == [VERSION, VERSION]
    os.kill(max(kept), signal.SIGKILL)
    wait_for(lambda: len(agents(pc)) == len(kept) > len(agents(pc).keys() & kept.keys()))
    display.window(TITLE)

    with measured(took, "upgrade"), ThreadPoolExecutor(1) as beside:
        upgrade = beside.submit(pc.install, newer)
        assert says_so(display, upgrade)
        assert upgrade.result() == 0
    wait_for(lambda: list(agents(pc).values()) == [NEXT, NEXT])
    assert [path.name.partition("-")[0] for path in (pc.programs / "notifier").iterdir()] == [NEXT]
    display.window(TITLE)

    with measured(took, "uninstall"):
        assert pc.uninstall(newer) == 0
    assert agents(pc) == {}
    left = {name for name in pc.files() - before if not name.startswith(("ProgramData/cekalwatch/", OWN_DATA))}
    assert left == set()
    assert pc.registry(REGISTRY_KEY, "notifier") is None
    record_testsuite_property("seconds", took)


@contextmanager
def measured(took: dict[str, float], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    took[what] = round(time.monotonic() - began, 1)
