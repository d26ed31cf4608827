"""`cekalwatch-notifier sign-in` and its like, as an officer runs them on a PC with a certificate."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.calls.people import RESET_PASSWORD
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.approvals import ApprovalState
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import Password, SessionClient
from cekalwatch.program.errors import Exit
from cekalwatch.program.session_file import SessionFile
from cekalwatch.server.app import Server
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.people import OTHER_PASSWORD, PASSWORD, Office, person
from tests.support.scenarios.site_pki import Site
from tests.support.tools.programs import run_program

NEW_PASSWORD = "garam sepeda awan biru"


class OfficerPc:
    """An officer's PC, and a server."""

    def __init__(self, folder: Path, site: Site, server: Server, office: Office) -> None:
        self.state = folder / "state"
        self.site = site
        self.address = f"127.0.0.1:{server.port}"
        self.office = office
        self.files = site.device(DeviceRole.NOTIFIER, "pc-1")
        self.session = SessionFile(self.state / "session-pc-1")

    async def run(self, *arguments: str, typed: str = "", language: str = "en") -> subprocess.CompletedProcess[str]:
        environment = {
            "CEKALWATCH_NOTIFIER_STATE_DIR": str(self.state),
            "CEKALWATCH_NOTIFIER_TLS_DIR": str(self.files.folder),
            "CEKALWATCH_NOTIFIER_LANGUAGE": language,
        }
        words = (*arguments, "--server", self.address, "--agent-id", "pc-1")
        variables = os.environ | environment
        return await asyncio.to_thread(run_program, "notifier", *words, typed=typed, environment=variables)

    async def sees_alerts(self) -> bool:
        """Whether the notifier on this PC gets what it asks for."""
        client = AlertClient(Calls(self.site.dialer(self.address, self.files)), "pc-1", AlertFilter(), self.session)
        try:
            await asyncio.to_thread(client.at_hand, datetime.now(UTC))
        except grpc.RpcError:
            return False
        finally:
            client.close()
        return True


class HeldToken:
    """The token of a person, in memory."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        return self._token

    def keep(self, token: str) -> None:
        self._token = token

    def forget(self) -> None:
        self._token = ""


@pytest.fixture
async def pc(tmp_path: Path) -> AsyncIterator[OfficerPc]:
    site = Site(tmp_path / "site")
    async with Server(site.settings()) as server:
        database = Database(site.settings().database_address)
        yield OfficerPc(tmp_path, site, server, Office(database))
        database.close()


@pytest.mark.slow
async def test_who_signs_in_sees_alerts_until_they_sign_out(pc: OfficerPc):
    pc.office.hire(person("budi", PersonRole.OFFICER, PersonRole.SUPERVISOR))
    assert not await pc.sees_alerts()
    done = await pc.run("sign-in", typed=f"budi\n{PASSWORD}\n")
    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.startswith("Petugas budi (officer, supervisor) is signed in until ")
    assert stat.S_IMODE(pc.session.file.stat().st_mode) == 0o600
    assert pc.session.token() not in done.stdout + done.stderr
    assert await pc.sees_alerts()
    assert "Petugas budi" in (await pc.run("whoami")).stdout
    assert "Petugas budi (petugas, penyelia) telah masuk" in (await pc.run("whoami", language="id")).stdout
    done = await pc.run("sign-out")
    assert (done.returncode, done.stdout) == (Exit.OK, "You are signed out.\n")
    assert not pc.session.file.exists()
    assert not await pc.sees_alerts()
    done = await pc.run("whoami", language="id")
    assert done.returncode == Exit.REFUSED
    assert done.stderr.splitlines()[1:] == ["Error: Belum ada yang masuk di PC ini."]


@pytest.mark.slow
async def test_a_first_password_is_changed_at_the_first_sign_in(pc: OfficerPc):
    pc.office.hire(person("budi"), first=True)
    done = await pc.run("sign-in", typed=f"budi\n{PASSWORD}\n{NEW_PASSWORD}\n{NEW_PASSWORD}\n")
    assert done.returncode == Exit.OK, done.stderr
    assert "must change your first password" in done.stderr
    assert await pc.sees_alerts()
    assert (await pc.run("sign-in", typed=f"budi\n{PASSWORD}\n")).returncode == Exit.REFUSED


@pytest.mark.slow
async def test_a_first_password_that_is_not_changed_opens_nothing(pc: OfficerPc):
    pc.office.hire(person("budi"), first=True)
    done = await pc.run("sign-in", typed=f"budi\n{PASSWORD}\npassword1234\npassword1234\n")
    assert done.returncode == Exit.REFUSED
    assert "easy to guess" in done.stderr
    assert not await pc.sees_alerts()


@pytest.mark.slow
async def test_ones_password_is_changed_at_will(pc: OfficerPc):
    pc.office.hire(person("budi"))
    await pc.run("sign-in", typed=f"budi\n{PASSWORD}\n")
    done = await pc.run("password", typed=f"{PASSWORD}\n{NEW_PASSWORD}\n{OTHER_PASSWORD}\n")
    assert (done.returncode, "differ" in done.stderr) == (Exit.USAGE, True)
    done = await pc.run("password", typed=f"{PASSWORD}\n{NEW_PASSWORD}\n{NEW_PASSWORD}\n")
    assert (done.returncode, done.stdout) == (Exit.OK, "The password was changed.\n")
    assert await pc.sees_alerts(), "this session goes on"


@pytest.mark.slow
async def test_what_the_server_says_no_to_is_told_in_the_officers_language(pc: OfficerPc):
    pc.office.hire(person("budi", sites=("sekupang",)))
    for typed, language, told in (
        (f"budi\n{OTHER_PASSWORD}\n", "en", "The sign-in name or the password is wrong."),
        (f"budi\n{OTHER_PASSWORD}\n", "id", "Nama pengguna atau kata sandi salah."),
        (f"budi\n{PASSWORD}\n", "id", "Anda tidak bertugas di lokasi PC ini."),
    ):
        done = await pc.run("sign-in", typed=typed, language=language)
        assert (done.returncode, told in done.stderr) == (Exit.REFUSED, True), done.stderr
    assert not pc.session.file.exists()


async def test_a_server_that_is_not_there_is_told_and_signing_out_forgets_the_token_all_the_same(pc: OfficerPc):
    pc.session.keep("a token")
    pc.address = "127.0.0.1:1"
    done = await pc.run("sign-out")
    assert done.returncode == Exit.UNAVAILABLE
    assert "cannot be reached" in done.stderr
    assert not pc.session.file.exists()


@pytest.mark.slow
async def test_a_supervisor_signs_at_the_pc_what_is_asked_for_at_another_machine_after_typing_its_key(pc: OfficerPc):
    for name, role in (("adi", PersonRole.ADMINISTRATOR), ("sari", PersonRole.SUPERVISOR)):
        pc.office.hire(person(name, role))
    assert (await pc.run("sign-in", typed=f"sari\n{PASSWORD}\n")).returncode == Exit.OK
    assert "Nobody asks for your signature" in (await pc.run("approvals", "list")).stdout
    asking = SessionClient(pc.site.dialer(pc.address, pc.site.device(DeviceRole.CONSOLE, "console-1")), NoToken())
    _, token = await asyncio.to_thread(asking.prove, Password("adi", PASSWORD))
    asking = SessionClient(
        pc.site.dialer(pc.address, pc.site.device(DeviceRole.CONSOLE, "console-1")), HeldToken(token)
    )
    wanted = RESET_PASSWORD(sign_in_name="budi")
    approval, _ = await asyncio.to_thread(asking.ask_approval, wanted)
    key = approval.approval_id[:8]
    told = (await pc.run("approvals", "list")).stdout
    assert f"{key}  Give a person another first password" in told
    assert "Sign-in name: budi" in told
    assert "Petugas adi asks at batam-center/console/console-1" in told
    wrong = await pc.run("approvals", "sign", key, typed="yes\n")
    assert (wrong.returncode, "Not signed" in wrong.stderr) == (Exit.USAGE, True)
    done = await pc.run("approvals", "sign", key, typed=f"{key}\n")
    assert (done.returncode, "You have signed." in done.stdout) == (Exit.OK, True), done.stderr
    assert (await pc.run("approvals", "refuse", key)).returncode == Exit.REFUSED
    (own,) = (await asyncio.to_thread(asking.approvals)).asked
    assert (own.state, own.second and own.second.display_name) == (ApprovalState.SIGNED, "Petugas sari")
