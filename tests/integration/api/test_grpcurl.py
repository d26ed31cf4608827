"""The diagnostic tool speaks with a server process: each command of `docs/operations.md`, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.server.capture.credit_window import FIRST_CREDITS
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.builders.alerts import match
from tests.support.builders.keys import keyring
from tests.support.repository import ROOT
from tests.support.scenarios.server import list_astronaut, order_in_force
from tests.support.scenarios.site_pki import issue_for_stack
from tests.support.tools.forked_programs import forked
from tests.support.tools.packs import light_pack

pytestmark = [
    pytest.mark.slow,  # its server is a process with certificates
    pytest.mark.skipif(not shutil.which("grpcurl"), reason="grpcurl is not on PATH; .ci/run installs one"),
]

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
CHAPTER = PAGE[PAGE.index("## Asking the server") : PAGE.index("## Logs")]
# A command begins at the block's margin; what is indented further goes on with it.
COMMANDS = [
    textwrap.dedent(found).strip()
    for found in re.findall(r"^ {4}(?:grpcurl|echo) .*\n(?: {6}.*\n)*", CHAPTER, re.MULTILINE)
]
HEADS = {"1", "2", "3"}
"""Where the log may end: nobody's PC is at the counter, so the alert escalates once the server has run for 15 s; and
an officer has looked at it."""
SERVICES = [
    "CaptureService",
    "AlertService",
    "WatchlistService",
    "OperationsService",
    "SessionService",
    "ShiftService",
    "TroubleService",
    "PortService",
    "ListFeedService",
    "PeopleService",
    "AuditService",
    "DeviceService",
    "CameraService",
    "ReportService",
]


def documented(words: str) -> str:
    """The one command of the page that has these words in it."""
    (found,) = (command for command in COMMANDS if words in command)
    return found


def unhandled(alert: dict[str, Any]) -> dict[str, Any]:
    """All of an alert but its handling, for it escalates between two calls when the server has run for 15 s."""
    return alert | {"handling": None}


class Site:
    """A server process with one alert and one subject, and grpcurl to ask it with."""

    def __init__(self, stack: Stack, alert_id: str) -> None:
        self.alert_id = alert_id
        folders = {
            "D": stack.certificate(DeviceRole.DIAGNOSTICS, "laptop"),
            "N": stack.certificate(DeviceRole.NOTIFIER, "pc-1"),
            "C": stack.certificate(DeviceRole.CAMERA, "dep-1"),
            "S": stack.config.folder / "server" / "tls",
        }
        self._folder = stack.config.folder
        stack.sign_in("pc-1")
        self._variables = {"A": stack.address, "T": stack.token("pc-1")} | {
            name: f"-cacert {folder}/authority.pem -cert {folder}/certificate.pem -key {folder}/key.pem"
            + " -protoset contract.bin" * (name in "NC")
            for name, folder in folders.items()
        }
        self.text(documented("-protoset-out"))

    def run(self, command: str, *, seconds: int = 20) -> subprocess.CompletedProcess[str]:
        """Run a command of the page in a shell, for at most `seconds`."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.replace("grpcurl ", f"grpcurl -max-time {seconds} ")],
            env=os.environ | self._variables,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=seconds + 30,
            check=False,
        )

    def text(self, command: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, command: str) -> Any:
        """The message that a command prints."""
        return json.loads(self.text(command))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("grpcurl")
    settings = ServerSettings.load(None, data_dir=folder / "server")
    ban = order_in_force(order_id="C-001", subject_id="S-001")
    list_astronaut(settings, ban, subject_id="S-001", nationality="IDN")
    database = Database(settings.database_address)
    alerts = AlertStore(database, keyring(database, settings.master_key_source))
    event = alerts.record(match(subject="S-001"), timedelta(0), datetime.now(UTC))
    assert event is not None
    database.close()
    config = StackConfig(
        folder,
        light_pack().parent,
        (CameraPlan("dep-1"),),
        model_pack="light",
        settings={"escalate_after_seconds": 3600, "inference": "onnxruntime"},
    )
    devices = (DeviceRole.DIAGNOSTICS, "laptop"), (DeviceRole.NOTIFIER, "pc-1"), (DeviceRole.CAMERA, "dep-1")
    issue_for_stack(config, *devices)
    with forked(), Stack(config) as stack:
        yield Site(stack, str(event.alert_id))


def test_it_lists_the_services(site: Site) -> None:
    assert sorted(site.text(documented("$A list")).split()) == sorted(
        [
            *(f"cekalwatch.v1.{name}" for name in SERVICES),
            "grpc.channelz.v1.Channelz",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        ]
    )


@pytest.mark.parametrize("service", SERVICES)
def test_it_describes_each_service_with_each_method(site: Site, service: str) -> None:
    described = site.text(documented("describe cekalwatch.v1.CaptureService").replace("CaptureService", service))
    proto = ROOT / "protos/cekalwatch/v1" / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', service).lower()}.proto"
    methods = re.findall(r"^  rpc (\w+)", proto.read_text("utf-8"), re.MULTILINE)
    assert methods
    assert re.findall(r"^  rpc (\w+)", described, re.MULTILINE) == sorted(methods)


def test_it_describes_a_message(site: Site) -> None:
    described = site.text(documented("describe cekalwatch.v1.FaceCapture"))
    assert ".cekalwatch.v1.FaceLandmarks landmarks = 5;" in described


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_serving(site: Site, service: str) -> None:
    assert site.answer(documented("$A grpc.health.v1.Health/Check   ")) == {"status": "SERVING"}
    one = documented('"service":"cekalwatch.v1.AlertService"').replace("AlertService", service)
    assert site.answer(one) == {"status": "SERVING"}


def test_it_gets_the_status(site: Site) -> None:
    status = site.answer(documented("GetStatus"))
    assert [entry["camera"]["camera_id"] for entry in status["cameras"]] == ["dep-1"]
    assert (status["gallery"]["model_pack"], status["head_sequence"] in HEADS) == ("light", True)


def test_it_lists_alerts_and_gets_one(site: Site) -> None:
    (listed,) = site.answer(documented("ListAlerts"))["alerts"]
    assert listed["alert_id"] == site.alert_id
    one = site.answer(documented("GetAlert").replace("…", site.alert_id))
    assert unhandled(one["alert"]) == unhandled(listed)
    assert (listed["subject"], listed["state"]) == ({}, "ALERT_STATE_NEW"), "before the officer's first look"
    look = f'{site.alert_id}","agent_id":"pc-1","version":{listed["version"]},"finding":"OUTCOME_REFERRED'
    site.answer(documented("GetAlert").replace("GetAlert", "RecordLook").replace("…", look))
    (seen,) = site.answer(documented("ListAlerts"))["alerts"]
    assert (seen["subject"]["name"], seen["state"]) == ("Contoh Satu", "ALERT_STATE_NEW")
    assert unhandled(site.answer(documented("GetAlert").replace("…", site.alert_id))["alert"]) == unhandled(seen)


def test_it_tells_who_has_signed_in(site: Site) -> None:
    session = site.answer(documented("GetSession"))["session"]
    assert (session["display_name"], session["roles"]) == ("Petugas pc-1", ["PERSON_ROLE_OFFICER"])


def test_it_watches_events_until_it_is_stopped(site: Site) -> None:
    watched = site.run(documented("SubscribeAlerts"), seconds=2)
    begun, *later = (json.loads(one) for one in re.findall(r"^\{.*?^\}", watched.stdout, re.MULTILINE | re.DOTALL))
    assert begun["subscribed"]["head_sequence"] in HEADS
    assert "keep_alive" in {kind for one in later for kind in one}, "a sign of life comes each second"
    assert "DeadlineExceeded" in watched.stderr


def test_it_acknowledges(site: Site) -> None:
    ((name, sequence),) = site.answer(documented("AcknowledgeAlerts")).items()
    assert (name, sequence in HEADS) == ("acknowledged_sequence", True)


def test_it_shakes_hands_as_a_camera(site: Site) -> None:
    welcome = site.answer(documented("StreamFaces"))["welcome"]
    assert (welcome["credits"], welcome["policy"]["max_crops_per_track"]) == (FIRST_CREDITS, 5)


def test_it_imports_an_order_and_finds_it_on_the_list(site: Site) -> None:
    ((name, report),) = site.answer(documented("ImportWatchlist")).items()
    assert (name, report["order_id"], report["outcome"]) == ("report", "C-900", "IMPORT_OUTCOME_STORED")
    listed = site.answer(documented('"page_size":4'))["subjects"]
    assert [entry["subject"]["subject_id"] for entry in listed] == ["S-001", "S-900"]
    one = site.answer(documented('"S-001"'))["subject"]
    assert one["orders"][0]["order_id"] == "C-001"
    assert one["orders"][0]["status"].startswith("ORDER_STATUS_")
    assert one["orders"][0]["last_day"] == one["orders"][0]["valid_until"]
    assert site.answer(documented("SUBJECT_PROBLEM_INVALID")) == {}
    history = site.answer(documented("GetSubjectHistory"))
    assert [event["action"] for event in history["events"]] == ["ORDER_IMPORTED"]
    assert history["status_changes"][0]["status"] == "ORDER_STATUS_NOT_YET_VALID"


def test_it_tells_how_synchronisation_stands(site: Site) -> None:
    status = site.answer(documented("GetSyncStatus"))
    assert "last_success_time" in status["freshness"]
    assert "next_run_time" not in status, "no source is configured"
    assert site.answer(documented("ListSyncRuns")) == {}


def test_channelz_tells_of_the_server_and_its_calls(site: Site) -> None:
    (server,) = site.answer(documented("GetServers"))["server"]
    assert int(server["data"]["calls_started"]) > 0
    site.answer(documented("GetTopChannels"))


def test_an_error_shows_its_code_and_its_reason(site: Site) -> None:
    wrong = documented('"S-001"').replace("S-001", "nobody")
    plain = site.run(wrong)
    assert plain.returncode
    assert "Code: NotFound" in plain.stderr
    assert "There is no subject with this key." in plain.stderr
    assert '"reason":"SUBJECT_NOT_FOUND"' in plain.stderr
    formatted = site.run(wrong.replace("grpcurl ", "grpcurl -format-error "))
    assert json.loads(formatted.stderr)["details"][0]["reason"] == "SUBJECT_NOT_FOUND"


def test_every_command_of_the_page_is_run_here() -> None:
    source = Path(__file__).read_text("utf-8")
    words = re.findall(r"documented\(\s*(?:\"([^\"]+)\"|'([^']+)')", source)
    run = {documented(one or other) for one, other in words}
    assert run == set(COMMANDS)
    assert len(COMMANDS) == CHAPTER.count("$A ") == len(set(COMMANDS))
