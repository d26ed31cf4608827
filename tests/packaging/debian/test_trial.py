"""A technician's trial in short: server, capture host and officer's PC on clean machines, from nothing to an alert.

The steps are those of docs/install.md, as they are typed there. The model pack comes from its package. All machines
share this one's network, so that the server is `localhost`.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from deploy.demo.faces import built_in_people
from deploy.demo.people import Role
from deploy.demo.scene import people_passing, write_video
from deploy.demo.stack import kept_port
from deploy.demo.watchlist import write_watchlist
from tests.packaging.debian.clean_debian import CleanDebian
from tests.support.tools.packs import light_pack

WAIT_S = 180.0
SERVER, CAMERA, OFFICER = "cekalwatch-server", "cekalwatch-camera", "officer"
HAND_OVER = "/var/lib/cekalwatch/hand-over"
ANSWERS = """
office = "Kantor Imigrasi Batam"
hosts = ["localhost"]
administrator = "sari"
administrator_name = "Sari Dewi"
listen = "127.0.0.1:{0}"
enrolment_listen = "127.0.0.1:{1}"

[[sites]]
site = "batam-center"
time_zone = "Asia/Jakarta"

[[cameras]]
camera_id = "departure-1"
site = "batam-center"
counter = "D1"
direction = "DEPARTURE"
"""


@contextmanager
def service(machine: CleanDebian, program: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command of a package's unit as its account, as systemd would; it has said that it is ready."""
    unit = (machine.root / f"usr/lib/systemd/system/{program}.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    variables = dict(one.split("=", 1) for one in re.findall(r"^Environment=(.+)$", unit, re.MULTILINE))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        # An abstract name is that of the network, which the machines share.
        name = f"cekalwatch-{secrets.token_hex(8)}"
        manager.bind(f"\0{name}")
        manager.settimeout(WAIT_S)
        variables["NOTIFY_SOCKET"] = f"@{name}"
        running = machine.start(*command.split(), account=program, log=log, environment=variables)
        try:
            try:
                assert manager.recv(1000) == b"READY=1"
            except TimeoutError:
                raise AssertionError(log.read_text()) from None
            yield running
        finally:
            running.terminate()
            running.wait(WAIT_S)


def as_account(machine: CleanDebian, *command: str, typed: str = "") -> str:
    """Type `sudo -u ACCOUNT …` as root."""
    return machine.works("sudo", "-u", command[0], *command, typed=typed)


def test_from_nothing_to_the_first_alert(
    server: CleanDebian, capture_host: CleanDebian, officers_pc: CleanDebian, tmp_path: Path
):
    detector = open_engine(load_pack(light_pack()), threads=1).detector
    listed = next(person for person in built_in_people(detector) if person.role is Role.LISTED)
    scene = people_passing([listed])
    write_video(scene, [listed], capture_host.root / "srv" / "passing.mp4")
    write_watchlist([listed], server.root / "srv" / "watchlist", datetime.now(ZoneInfo("Asia/Jakarta")).date())
    with kept_port() as port, kept_port() as enrolment:
        # The server, set up without a network.
        server.write("/srv/batam.toml", ANSWERS.format(port, enrolment))
        sudo = ("sudo", "-u", SERVER, SERVER)
        told = server.works(*sudo, "init", "--answers", "/srv/batam.toml", "--sheets", HAND_OVER, offline=True)
        assert "standard installed from /usr/share/cekalwatch/models/standard" in told
        assert "data: /var/lib/cekalwatch;" in told
        assert "sudo systemctl start cekalwatch-server" in told
        assert "FAIL" not in told
        with service(server, SERVER, tmp_path / "server.log"):
            checked = json.loads(server.run(*sudo, "check", "--json").stdout)
            verdicts = {one["subject"]: one["verdict"] for one in checked}
            assert verdicts["server"] == "OK", checked
            assert "FAIL" not in verdicts.values(), checked

            # A person and the list.
            facts = ("--display-name", "Petugas", "--role", "officer", "--site", "batam-center")
            first = as_account(server, SERVER, "people", "add", "petugas", *facts).strip().split()[-1]
            as_account(server, SERVER, "watchlist", "import", "/srv/watchlist")

            # The capture host, from its invitation.
            for target, role, name in (
                (capture_host, "camera", "departure-1"),
                (officers_pc, "notifier", "counter-d1"),
            ):
                invitation = server.root / HAND_OVER.lstrip("/") / f"batam-center-{role}-{name}.invitation"
                target.write(f"/srv/{name}.invitation", invitation.read_text())
            given = ("--invitation", "/srv/departure-1.invitation", "--source", "/srv/passing.mp4")
            said = as_account(capture_host, CAMERA, "init", *given)
            assert "sudo systemctl start cekalwatch-camera" in said
            assert "FAIL" not in as_account(capture_host, CAMERA, "check")

            # The officer's PC.
            home = {"HOME": f"/home/{OFFICER}"}
            program = "cekalwatch-notifier"
            handed = ("--invitation", "/srv/counter-d1.invitation")
            officers_pc.works(program, "init", *handed, account=OFFICER, environment=home)
            password = secrets.token_urlsafe(16)
            typed = f"petugas\n{first}\n{password}\n{password}\n"
            officers_pc.works(program, "sign-in", account=OFFICER, typed=typed, environment=home)
            shown = tmp_path / "console.jsonl"
            command = (program, "console", "--format", "jsonl")
            console = officers_pc.start(*command, account=OFFICER, log=shown, environment=home)
            try:
                with service(capture_host, CAMERA, tmp_path / "camera.log"):
                    until = time.monotonic() + WAIT_S
                    while '"subject_id"' not in shown.read_text() and time.monotonic() < until:
                        time.sleep(0.2)
            finally:
                console.terminate()
                console.wait(WAIT_S)
    assert listed.subject_id in shown.read_text(), (tmp_path / "camera.log").read_text()
