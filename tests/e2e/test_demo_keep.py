"""`make demo KEEP=1` after a comparison that failed: the site goes on as one in which a person looks around."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from deploy.demo.play import CAMERA
from tests.support.repository import ROOT
from tests.support.scenarios.web_console import form_token, pictures_in, words
from tests.support.tools.packs import MODELS, standard_pack
from tests.support.tools.small_demo import FEW_FRAMES, ONNXRUNTIME

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WAIT_S = 450.0
PICTURE_S = 60.0
INTERRUPTED = 130
DEMO = """
import runpy, sys
from cekalwatch.program.errors import ProgramError
from deploy.demo import play, programs, scene
from tests.support.tools.forked_programs import completed, popen
programs.Program.launch, programs.complete, scene.FRAME_RATE = staticmethod(popen), completed, int(sys.argv[1])
compare = play.log_and_passages
def fails(*arguments):
    compare(*arguments)
    raise ProgramError("The comparison is [made] to fail.")
play.log_and_passages = fails
sys.argv[1:] = ["--keep"]
runpy.run_module("deploy.demo", run_name="__main__", alter_sys=True)
"""
"""`python -m deploy.demo --keep`, with forked programs, fewer frames, and a comparison that fails."""
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
ACCOUNT = re.compile(r"│ (\w+) +(\w{4}(?:-\w{4}){3}) ")
WANTED = "Sebuah-kata-sandi-yang-panjang"


def wait_for(running: subprocess.Popen[bytes], said: Path, found: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_S
    while not found():
        assert running.poll() is None, said.read_text()
        assert time.monotonic() < until, said.read_text()
        time.sleep(0.5)


def test_after_a_failed_comparison_cameras_go_on_and_an_administrator_invites_and_aims(tmp_path: Path) -> None:
    standard_pack()
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "models").symlink_to(MODELS)
    said = tmp_path / "demo.out"
    command = ["env", "--default-signal=INT", f"--chdir={tmp_path}", f"PYTHONPATH={ROOT}", "COLUMNS=200"]
    command += [f"{name}={value}" for name, value in ONNXRUNTIME.items()]
    with said.open("wb") as output:
        running = subprocess.Popen(
            [*command, sys.executable, "-c", DEMO, str(FEW_FRAMES)], stdout=output, stderr=output
        )
    try:
        wait_for(running, said, lambda: "go on, and the travellers pass again and again" in said.read_text())
        assert "The comparison failed: The comparison is [made] to fail." in said.read_text()
        (address,) = ADDRESS.findall(said.read_text())
        accounts = dict(ACCOUNT.findall(said.read_text()))
        assert accounts.keys() == {"petugas", "penyelia", "pengelola", "admin", "auditor", "kepala"}
        (log,) = (tmp_path / "build" / "demo").glob(f"*/logs/{CAMERA.camera_id}.log")
        wait_for(running, said, lambda: log.read_text().count('"server_connected"') >= 2)
        look_around(address, "admin", accounts["admin"])
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == INTERRUPTED
    finally:
        running.terminate()
        try:
            running.wait(60)
        finally:
            running.kill()  # harmless when it has ended; else the next test would answer for it
            running.wait()
    assert "Traceback" not in said.read_text()


def look_around(address: str, name: str, first: str) -> None:
    """Sign in, invite a PC, and look at what a camera sees."""
    with httpx.Client(base_url=address, headers={"Origin": address, "Accept-Language": "en"}, timeout=60) as browser:
        browser.post("/sign-in", data={"name": name, "password": first})
        page = browser.get("/password")
        fields = {"present": first, "wanted": WANTED, "again": WANTED, "form_token": form_token(page)}
        browser.post("/password", data=fields)
        devices = browser.get("/devices")
        invitation = {"role": "notifier", "site": "batam-center", "name": "pc-9", "counter-batam-center/D1": "1"}
        invited = browser.post("/devices", data=invitation | {"form_token": form_token(devices)})
        assert invited.status_code == httpx.codes.OK, words(invited)
        assert "cekalwatch-notifier init" in words(invited), words(invited)
        until = time.monotonic() + PICTURE_S
        while not pictures_in(seen := aimed(browser)):
            assert time.monotonic() < until, words(seen)
            time.sleep(2)


def aimed(browser: httpx.Client) -> httpx.Response:
    """The camera's page with what it sees; between two videos it is away."""
    page = browser.get(f"/cameras/{CAMERA.camera_id}")
    return browser.post(f"/cameras/{CAMERA.camera_id}/picture", data={"form_token": form_token(page)})
