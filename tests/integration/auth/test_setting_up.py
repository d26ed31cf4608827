"""`init` of all programs: a site from a file of answers, and its devices from their invitations alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import tempfile
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.camera.cli.app import app as camera_app
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.sources.opening import with_login
from cekalwatch.console.cli import app as console_app
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.gateway.cli import app as gateway_app
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.notifier.cli.app import app as notifier_app
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.cli.app import app as server_app
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.site import check_folder_of_sheets
from deploy.demo.stack import kept_port
from tests.support.tools.packs import light_pack
from tests.support.tools.postgres import fresh_database

SITES = '[[sites]]\nsite = "batam-center"\n[[sites]]\nsite = "sekupang"\ntime_zone = "Asia/Makassar"\n'
CAMERAS = """
[[cameras]]
camera_id = "departure-1"
site = "batam-center"
counter = "D1"
direction = "DEPARTURE"
[[cameras]]
camera_id = "departure-2"
site = "batam-center"
counter = "D1"
direction = "DEPARTURE"
[[cameras]]
camera_id = "arrival-1"
site = "sekupang"
counter = "A <1>"
direction = "ARRIVAL"
"""
CONSOLES = """
[[consoles]]
site = "sekupang"
hosts = ["konsol.sekupang.local", "10.1.2.4"]
"""


class Office:
    """A technician's folder, with answers for a site in it."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.ports = folder, ports
        folder.mkdir(exist_ok=True)
        self.data, self.config, self.sheets = folder / "data", folder / "server.toml", folder / "sheets"
        self.answers = folder / "answers.toml"
        self.answers.write_text(
            'office = "Kantor Imigrasi Batam"\nhosts = ["localhost"]\nadministrator = "sari"\n'
            f'administrator_name = "Sari Dewi"\ndata_dir = "{self.data}"\nmodel_pack = "light"\n'
            f'models_dir = "{light_pack().parent}"\nlisten = "127.0.0.1:{ports[0]}"\n'
            f'enrolment_listen = "127.0.0.1:{ports[1]}"\n{SITES}{CAMERAS}{CONSOLES}'
        )

    def init(self, *options: str, typed: str = "") -> str:
        given = ("--config", str(self.config), "--sheets", str(self.sheets), *options)
        outcome = CliRunner().invoke(server_app, ["init", *given], input=typed)
        if isinstance(outcome.exception, ProgramError):
            raise outcome.exception
        assert outcome.exit_code == Exit.OK, outcome.output
        return outcome.stdout

    def found(self) -> str:
        return self.init("--answers", str(self.answers))

    def invitation(self, name: str) -> Path:
        return self.sheets / f"{name}.invitation"


@pytest.fixture
def office(tmp_path: Path):
    with ExitStack() as ports:
        yield Office(tmp_path, [ports.enter_context(kept_port()) for _ in range(2)])


def typed(app: object, *words: str) -> str:
    outcome = CliRunner().invoke(app, words)  # type: ignore[arg-type]  # one of the programs
    if isinstance(outcome.exception, ProgramError):
        raise outcome.exception
    assert outcome.exit_code == Exit.OK, outcome.output
    return outcome.stdout


class Cells(HTMLParser):
    """The cells of a page's tables."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self._within = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # the library's signature
        if tag in {"td", "th"}:
            self.cells.append("")
            self._within = True

    def handle_endtag(self, tag: str) -> None:
        self._within &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._within:
            self.cells[-1] += data


def test_one_command_makes_all_that_a_site_needs(office: Office) -> None:
    told = office.found()
    files = (
        "master.key",
        "audit_key.pem",
        "audit_ledger.sqlite3",
        "cekalwatch.sqlite3",
        "pki/authority.key",
        "tls/key.pem",
    )
    modes = {stat.S_IMODE((office.data / file).stat().st_mode) for file in files}
    assert modes == {0o600}
    settings = ServerSettings.load(office.config)
    assert [camera.camera_id for camera in settings.cameras] == ["departure-1", "departure-2", "arrival-1"]
    assert "FAIL" not in told
    assert re.search(r"First password of sari, shown only here: \S{10,}", told)
    assert f"cekalwatch-server serve --config {office.config}" in told
    listed = typed(server_app, "people", "list", "--config", str(office.config))
    assert "sari  first password  ADMINISTRATOR  at batam-center sekupang" in listed
    assert "trail is whole" in typed(server_app, "audit", "verify", "--config", str(office.config))


def test_each_port_has_a_sheet_of_its_own_for_this_account_only(office: Office) -> None:
    office.found()
    sheet = office.sheets / "sekupang.html"
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    cells = Cells(sheet.read_text()).cells
    assert cells[4:7] == ["arrival-1", "A <1>", "kedatangan"]
    assert office.invitation("sekupang-camera-arrival-1").read_text().strip() in cells
    assert "departure-1" not in sheet.read_text()
    assert any("master.key" in cell for cell in cells)
    assert "konsol.sekupang.local, 10.1.2.4" in cells
    assert office.invitation("sekupang-console-console").read_text().strip() in cells
    assert "cekalwatch-console" not in (office.sheets / "batam-center.html").read_text()
    names = {file.stem for file in office.sheets.glob("*-notifier-*.invitation")}
    assert names == {"batam-center-notifier-batam-center-d1", "sekupang-notifier-sekupang-a-1"}


@pytest.mark.slow
async def test_devices_set_themselves_up_by_their_invitations_alone(office: Office, tmp_path: Path) -> None:
    office.found()
    cameras, pc, pages = (tmp_path / f"{name}.toml" for name in ("camera", "notifier", "console"))
    host = ("--config", str(cameras), "--tls-dir", str(tmp_path / "camera-tls"))
    (tmp_path / "password").write_text("pass:w@rd\n")
    logins = {"departure-1": ("--user", "watcher", "--password-file", str(tmp_path / "password"))}

    def devices() -> None:
        for key, source in (("departure-1", "rtsp://127.0.0.1:1/1"), ("departure-2", "0")):
            invitation = ("--invitation", str(office.invitation(f"batam-center-camera-{key}")))
            assert f"batam-center/camera/{key}" in typed(
                camera_app, "init", *invitation, "--source", source, *host, *logins.get(key, ())
            )
        invitation = ("--invitation", str(office.invitation("sekupang-notifier-sekupang-a-1")))
        told = typed(notifier_app, "init", *invitation, "--config", str(pc), "--tls-dir", str(tmp_path / "pc-tls"))
        assert f"cekalwatch-notifier check --config {pc}" in told
        with pytest.raises(ProgramError, match="already, which stay as they are"):
            typed(notifier_app, "init", *invitation, "--config", str(pc))
        assert '"certificate",\n    "verdict": "OK"' in typed(notifier_app, "check", "--json", "--config", str(pc))
        invitation = ("--invitation", str(office.invitation("sekupang-console-console")))
        given = ("--config", str(pages), "--tls-dir", str(tmp_path / "console-tls"))
        for wrong, told in ((("--listen", "8443"), "listen"), (("--config", "/proc/none/console.toml"), "/proc/none")):
            with pytest.raises(ProgramError, match=told):
                typed(console_app, "init", *invitation, *given, *wrong)
        told = typed(console_app, "init", *invitation, *given)
        assert f"serve --config {pages}, then open https://konsol.sekupang.local:8443" in told
        checked = json.loads(typed(console_app, "check", "--json", "--config", str(pages)))
        assert [one["subject"] for one in checked if one["verdict"] == "FAIL"] == []

        callers_key, served = tmp_path / "gw" / "key", tmp_path / "gateway.toml"
        invitation = ("--invitation", str(office.invitation("batam-center-notifier-batam-center-d1")))
        places = ("--config", str(served), "--tls-dir", str(tmp_path / "gw" / "tls"), "--key-file", str(callers_key))
        told = typed(gateway_app, "init", *invitation, *places, "--listen", "127.0.0.1:1")
        assert f"cekalwatch-gateway serve --config {served}" in told
        gateway = GatewaySettings.load(served)
        assert (gateway.name, gateway.listen, len(gateway.caller_key())) == ("batam-center-d1", "127.0.0.1:1", 64)
        assert callers_key.read_text() not in told

    async with Server(ServerSettings.load(office.config)):
        await asyncio.to_thread(devices)
    found = CameraSettings.load(cameras).each()
    assert [(one.camera_id, one.source) for one in found] == [
        ("departure-1", "rtsp://127.0.0.1:1/1"),
        ("departure-2", "0"),
    ]
    assert all((one.tls_dir / "key.pem").exists() for one in found)
    assert with_login(found[0]) == "rtsp://watcher:pass%3Aw%40rd@127.0.0.1:1/1"
    assert "pass:w@rd" not in cameras.read_text()
    assert found[0].source_password_file
    assert stat.S_IMODE(found[0].source_password_file.stat().st_mode) == 0o600
    notifier = NotifierSettings.load(pc)
    assert (notifier.site, notifier.agent_id, notifier.counters) == ("sekupang", "sekupang-a-1", ("A <1>",))
    console = ConsoleSettings.load(pages)
    assert console.listen == "0.0.0.0:8443"
    assert {"konsol.sekupang.local", "10.1.2.4"} <= set(console.allowed_hosts)
    assert notifier.time_zone == console.time_zone == "Asia/Makassar"
    assert stat.S_IMODE(pc.stat().st_mode) == 0o600


def test_what_is_there_stays_as_it_is(office: Office) -> None:
    office.found()
    before = {file: file.read_bytes() for file in office.data.rglob("*") if file.is_file()}
    with pytest.raises(ProgramError, match=r"settings in .* already, which stay as they are"):
        office.found()
    office.config.unlink()
    with pytest.raises(ProgramError, match=r"something in .* already"):
        office.found()
    assert {file: file.read_bytes() for file in office.data.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ('site = "sekupang"\ncounter', 'site = "sekupnag"\ncounter', "which `sites` does not list"),
        ("office =", "ofice =", "ofice: there is no such setting (did you mean office?)"),
        ('"Asia/Makassar"', '"Asia/Batam"', "no time zone of the IANA list"),
        ('"sari"', '"sari dewi"', "administrator"),
        ('"10.1.2.4"', '"localhost"', "localhost is the server's name: give the console at sekupang its own"),
    ],
)
def test_a_wrong_answer_makes_nothing(office: Office, wrong: str, right: str, told: str) -> None:
    office.answers.write_text(office.answers.read_text().replace(wrong, right))
    with pytest.raises(ProgramError) as refused:
        office.found()
    assert told in str(refused.value)
    assert [path.name for path in office.folder.iterdir()] == ["answers.toml"]


def test_what_cannot_be_made_leaves_no_half_of_a_site(office: Office) -> None:
    office.answers.write_text(office.answers.read_text().replace('"Sari Dewi"', f'"{"x" * 500}"'))
    with pytest.raises(ProgramError, match="This person cannot be added"):
        office.found()
    assert list(office.data.iterdir()) == []
    assert not office.config.exists()


def test_without_a_place_for_the_sheets_nothing_is_made(office: Office) -> None:
    with pytest.raises(
        ProgramError, match=r"answers.toml/sheets cannot be written \(Not a directory\): name another folder"
    ):
        office.init("--answers", str(office.answers), "--sheets", str(office.answers / "sheets"))
    assert [path.name for path in office.folder.iterdir()] == ["answers.toml"]


def test_the_sheets_may_lie_in_the_data_folder(office: Office) -> None:
    office.sheets = office.data / "hand-over"
    office.found()
    assert (office.sheets / "sekupang.html").exists()


def test_sheets_that_cannot_be_filled_are_not_left_behind(office: Office) -> None:
    office.answers.write_text(office.answers.read_text().replace('"Sari Dewi"', f'"{"x" * 500}"'))
    with pytest.raises(ProgramError, match="This person cannot be added"):
        office.found()
    assert not office.sheets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="another account's folder is made by root")
def test_a_folder_of_sheets_that_another_account_owns_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.seteuid(65534)
        try:
            for sheets in (Path(folder), Path(folder, "new")):
                with pytest.raises(ProgramError, match="name another folder with --sheets"):
                    check_folder_of_sheets(sheets)
        finally:
            os.seteuid(0)


@pytest.mark.slow
def test_a_person_is_asked_one_thing_after_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_ANSWERS_MODELS_DIR", str(light_pack().parent))
    monkeypatch.setenv("CEKALWATCH_ANSWERS_MODEL_PACK", "light")
    lines = ["Kantor", "cekal.local", "sekupang", "", "dep-1", "D1", "departure", "konsol.local"]
    lines += ["sari", "Sari Dewi", str(office.data)]
    told = office.init(typed="\n".join(lines) + "\n")
    settings = ServerSettings.load(office.config)
    assert (settings.home.site, settings.cameras[0].direction, settings.listen) == (
        "sekupang",
        "DEPARTURE",
        "0.0.0.0:50051",
    )
    assert "cekal.local:50052" in office.invitation("sekupang-camera-dep-1").read_text().replace("%3A", ":")
    assert "First password of sari" in told
    assert "host=konsol.local" in office.invitation("sekupang-console-console").read_text()


@pytest.mark.slow
def test_a_site_is_made_on_postgresql_and_never_twice(office: Office, postgres: str) -> None:
    with fresh_database(postgres) as address:
        office.answers.write_text(f'database_url = "{address}"\n{office.answers.read_text()}')
        assert "FAIL" not in office.found()
        assert not (office.data / "cekalwatch.sqlite3").exists()
        serve_once(ServerSettings.load(office.config))
        assert "sari  first password" in typed(server_app, "people", "list", "--config", str(office.config))
        assert "trail is whole" in typed(server_app, "audit", "verify", "--config", str(office.config))
        second = Office(office.folder / "second", office.ports)
        second.answers.write_text(f'database_url = "{address}"\n{second.answers.read_text()}')
        with pytest.raises(ProgramError, match="has a site already, which stays as it is"):
            second.found()
        assert [path.name for path in second.folder.iterdir()] == ["answers.toml"]


@pytest.mark.slow
def test_a_database_that_cannot_be_reached_leaves_nothing(office: Office) -> None:
    address = f"postgresql://nobody@127.0.0.1:{office.ports[0]}/none"
    office.answers.write_text(f'database_url = "{address}"\n{office.answers.read_text()}')
    with pytest.raises(ProgramError, match="cannot be reached"):
        office.found()
    assert [path.name for path in office.folder.iterdir()] == ["answers.toml"]


@pytest.mark.slow
def test_an_invitation_goes_to_its_kind_of_device_only(office: Office) -> None:
    office.found()
    invitation = ("--invitation", str(office.invitation("batam-center-camera-departure-1")))
    with pytest.raises(ProgramError, match="This is a notifier, and the invitation is for a camera"):
        typed(notifier_app, "init", *invitation, "--config", str(office.folder / "notifier.toml"))
    office.invitation("batam-center-camera-departure-1").write_text("ABCDEF\n")
    with pytest.raises(ProgramError, match="no whole invitation"):
        typed(camera_app, "init", *invitation, "--config", str(office.folder / "camera.toml"))


@pytest.mark.slow
def test_one_more_device_is_invited_with_all_that_it_needs(office: Office) -> None:
    office.found()
    out = office.folder / "d2.invitation"
    device = ("--role", "notifier", "--name", "counter-d2", "--site", "sekupang", "--counter", "D2")
    typed(server_app, "pki", "invite", *device, "--out", str(out), "--config", str(office.config))
    assert out.read_text().startswith("cekalwatch://sekupang/notifier/counter-d2?server=localhost:")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_lost_database_or_audit_key_is_not_made_anew(office: Office) -> None:
    office.found()
    settings = ServerSettings.load(office.config)
    key = (office.data / "audit_key.pem").read_bytes()
    typed(server_app, "audit", "checkpoint", "--config", str(office.config))
    (office.data / "audit_key.pem").unlink()
    for refused in (
        lambda: serve_once(settings),
        lambda: typed(server_app, "audit", "checkpoint", "--config", str(office.config)),
    ):
        with pytest.raises(
            ProgramError, match=r"audit key .* is gone, and checkpoints were signed with it. Put it back"
        ):
            refused()
    assert not (office.data / "audit_key.pem").exists()
    (office.data / "audit_key.pem").write_bytes(key)
    (office.data / "audit_key.pem").chmod(0o600)
    for file in office.data.glob("cekalwatch.sqlite3*"):
        file.unlink()
    with pytest.raises(ProgramError, match=r"is gone or empty, and .*audit_key.pem.* Restore it from a backup"):
        serve_once(settings)
    assert not (office.data / "cekalwatch.sqlite3").exists()


def serve_once(settings: ServerSettings) -> None:
    async def serve() -> None:
        async with Server(settings):
            pass

    asyncio.run(serve())
