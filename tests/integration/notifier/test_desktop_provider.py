"""Signing in on an officer's PC through the office's identity provider: windows and terminal, and when it is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from typer.testing import CliRunner, Result

from cekalwatch.notifier.checks import check_provider
from cekalwatch.notifier.cli.app import app
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.errors import Exit
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.audit.entry import Action
from tests.support.fakes.identity_server import CLIENT_ID, CLIENT_SECRET, NATIVE_ID, IdentityServer
from tests.support.fakes.person_in_browser import PersonInBrowser, person_in_browser
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc
from tests.support.scenarios.people import PASSWORD

pytestmark = pytest.mark.slow


@dataclass
class Parts:
    office: OfficeThread
    provider: IdentityServer
    person: PersonInBrowser

    @property
    def signed_in(self) -> list[tuple[str, str]]:
        """By what each person signed in, and where."""
        found = self.office.office.trail(Action.SIGNED_IN)
        return [(json.loads(str(one.details))["by"], one.actor.partition("@")[2]) for one in found]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("site")
    write_private(folder / "openid.secret", CLIENT_SECRET.encode())
    with IdentityServer(host="localhost") as provider, person_in_browser() as person:
        terms = {"issuer": provider.issuer, "client_id": CLIENT_ID, "native_client_id": NATIVE_ID}
        office = OfficeThread(folder, openid=terms | {"client_secret_file": folder / "openid.secret"})
        office.list_people()
        with office.open():
            yield Parts(office, provider, person)


@pytest.fixture
def pc(parts: Parts, tmp_path: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[OfficerPc]:
    parts.provider.error, parts.provider.documents = "", {}
    parts.person.name = ""
    with officer_pc(parts.office, tmp_path, qapp, qtbot, "pc-1") as found:
        found.until(lambda: found.controller.provider)
        yield found


def go(pc: OfficerPc, parts: Parts, name: str) -> None:
    """Sign in as somebody types Enter in the dialog and their name at the provider."""
    parts.person.name = name
    pc.agent.sign_in()
    pc.until(pc.dialog.provider_button.hasFocus)
    QTest.keyClick(pc.dialog.focusWidget(), Qt.Key.Key_Return)


def test_an_officer_signs_in_in_the_browser_and_leaves_both(pc: OfficerPc, parts: Parts) -> None:
    go(pc, parts, "budi")
    pc.until(lambda: pc.controller.session and pc.agent.dialog is None)
    assert pc.controller.session
    assert (pc.controller.session.display_name, pc.controller.session.by_provider) == ("Petugas budi", True)
    assert parts.signed_in[-1] == ("OPENID", "batam-center/notifier/pc-1")
    asked = {key: value[0] for key, value in parse_qs(urlsplit(parts.person.opened[-1]).query).items()}
    assert (asked["client_id"], asked["prompt"], asked["max_age"]) == (NATIVE_ID, "login", "0")
    assert (asked["code_challenge_method"], asked["ui_locales"]) == ("S256", "en")
    pc.until(lambda: parts.person.seen)
    address, page = parts.person.seen[-1]
    assert (urlsplit(address).path, urlsplit(address).query) == ("/sign-in/done", "")
    assert "<h1>Signed in</h1>" in page
    # Who comes back to a locked screen is asked again, though the browser's session at the provider is open.
    pc.controller.sign_out()
    parts.person.name = ""
    before = len(parts.person.seen)
    pc.agent.sign_in()
    pc.dialog.provider_button.click()
    pc.until(lambda: len(parts.person.seen) > before)
    assert 'action="/login"' in parts.person.seen[-1][1]
    assert pc.controller.session is None
    pc.dialog.reject()
    go(pc, parts, "budi")
    pc.until(lambda: pc.controller.session)
    pc.agent.tray.sign_out.trigger()
    pc.until(lambda: parts.provider.requests.count("/logout") == 1)
    assert pc.controller.session is None
    assert not pc.session_file.token()


def told_in_dialog(pc: OfficerPc, words: str) -> bool:
    return words in pc.dialog.problem.text()


def told_in_browser(parts: Parts, words: str) -> bool:
    return words in parts.person.seen[-1][1]


def test_what_goes_wrong_is_said_and_a_password_still_works(
    pc: OfficerPc, parts: Parts, subtests: pytest.Subtests
) -> None:
    cases = (
        ("access_denied", "budi", "was cancelled or denied at localhost"),
        ("unauthorized_client", "budi", "refuses the request of this program (unauthorized_client)"),
        ("", "nobody", "localhost knows you, but you cannot sign in here"),
    )
    for error, name, told in cases:
        with subtests.test(told):
            parts.provider.error = error
            go(pc, parts, name)
            pc.until(partial(told_in_dialog, pc, told))
            assert pc.controller.session is None
            assert pc.dialog.focusWidget() is pc.dialog.provider_button, "Enter tries again"
            pc.until(partial(told_in_browser, parts, told))
            assert "Not signed in" in parts.person.seen[-1][1]
            pc.dialog.reject()
    parts.provider.error = ""
    parts.provider.documents["/token"] = (503, {})
    go(pc, parts, "budi")
    pc.until(lambda: "identity provider, or the provider does not work" in pc.dialog.problem.text())
    pc.dialog.reject()
    pc.sign_in("budi")
    assert pc.controller.session
    assert not pc.controller.session.by_provider
    before = len(parts.person.opened)
    pc.agent.tray.sign_out.trigger()
    assert len(parts.person.opened) == before, "there is no session at the provider to end"


def test_who_gives_up_leaves_nothing_that_waits(pc: OfficerPc, parts: Parts) -> None:
    before = len(parts.person.seen)
    go(pc, parts, "")
    pc.until(lambda: len(parts.person.seen) > before)
    assert "Sign in at localhost in the browser" in pc.dialog.problem.text()
    back = parse_qs(urlsplit(parts.person.opened[-1]).query)["redirect_uri"][0]
    assert httpx.get(back, timeout=10).status_code == 404, "it waits for another answer"
    pc.dialog.reject()
    pc.until(lambda: closed(back))
    pc.sign_in("budi")


def closed(address: str) -> bool:
    """Whether nothing listens there any more."""
    try:
        httpx.get(address, timeout=10)
    except httpx.ConnectError:
        return True
    except (httpx.ReadError, httpx.RemoteProtocolError):  # it ends, and has not taken this connection up
        pass
    return False


def test_a_supervisor_beside_signs_at_the_provider(pc: OfficerPc, parts: Parts) -> None:
    pc.sign_in("budi")
    alert_id = parts.office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F5)
    pc.give_reason()
    pc.shows(alert_id, "REFERRED")
    pc.press(Qt.Key.Key_F8)
    side = pc.dialog
    parts.person.name = "budi"
    side.provider_button.click()
    pc.until(lambda: "You judged this alert." in side.problem.text())
    parts.person.name = "siti"
    side.provider_button.click()
    pc.until(lambda: side.looks)
    assert parts.signed_in[-1] == ("OPENID", "batam-center/notifier/pc-1")
    assert pc.controller.session
    assert pc.controller.session.display_name == "Petugas budi", "the officer stays signed in"
    side.reject()


def run(pc: OfficerPc, *arguments: str, typed: str = "") -> Result:
    settings = pc.controller.settings
    folders = {
        "CEKALWATCH_NOTIFIER_LANGUAGE": "en",
        "CEKALWATCH_NOTIFIER_TLS_DIR": str(settings.tls_dir),
        "CEKALWATCH_NOTIFIER_STATE_DIR": str(settings.state_dir),
    }
    words = [*arguments, "--server", str(settings.server_addresses[0]), "--agent-id", "pc-1"]
    return CliRunner(env=folders).invoke(app, words, input=typed)


def test_the_terminal_goes_the_same_way_and_takes_passwords_on_request(pc: OfficerPc, parts: Parts) -> None:
    parts.person.name = "budi"
    done = run(pc, "sign-in")
    assert done.exit_code == Exit.OK, done.stderr
    assert "Petugas budi (officer) is signed in until" in done.stdout
    assert parts.person.opened[-1] in done.stderr, "for a browser that does not open by itself"
    pc.until(lambda: pc.controller.session and pc.controller.session.by_provider)
    before = parts.provider.requests.count("/logout")
    assert run(pc, "sign-out").stdout == "You are signed out.\n"
    pc.until(lambda: parts.provider.requests.count("/logout") == before + 1)
    done = run(pc, "sign-in", "--by-password", typed=f"budi\n{PASSWORD}\n")
    assert "Petugas budi (officer) is signed in until" in done.stdout
    run(pc, "sign-out")


def test_check_says_whether_the_provider_answers(pc: OfficerPc, parts: Parts) -> None:
    settings: NotifierSettings = pc.controller.settings
    verdict, words = check_provider(settings)
    assert (verdict, parts.provider.issuer in words) == (CheckVerdict.OK, True)
    assert f"redirect URIs of {NATIVE_ID} there: http://127.0.0.1/sign-in/back with any port" in words
