"""`cekalwatch-console`, as the technician types it: what is wrong is said before anything is served."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.console.cli import app
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.site_pki import SITE, Site, now

CONSOLE = Identity(DeviceRole.CONSOLE, SITE, "console")


def refused(folder: Path, *lines: str, listen: str = "127.0.0.1:0") -> str:
    """The sentence with which it does not start."""
    file = folder / "console.toml"
    file.write_text("\n".join((f'tls_dir = "{folder / "tls"}"', *lines)))
    result = CliRunner().invoke(app, ["serve", "--config", str(file), "--listen", listen])
    assert isinstance(result.exception, ProgramError), result.output
    assert result.exception.exit_code is Exit.CONFIG
    return str(result.exception)


def test_what_cannot_be_served_is_refused_with_what_to_do(tmp_path: Path) -> None:
    assert "there is no certificate for callers: set web_certificate" in refused(tmp_path, listen="0.0.0.0:0")
    assert "go together: set both" in refused(tmp_path, 'web_key = "key.pem"')
    pair = [f'web_certificate = "{tmp_path / "none.pem"}"', f'web_key = "{tmp_path / "key.pem"}"']
    assert f"{tmp_path / 'none.pem'} and key {tmp_path / 'key.pem'} cannot be used" in refused(tmp_path, *pair)
    (tmp_path / "none.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    assert "to a pair of PEM files" in refused(tmp_path, *pair)
    assert "far.example:1 is another machine" in refused(tmp_path, 'server_addresses = ["far.example:1"]')


def test_pages_answer_to_the_names_in_their_certificate_and_to_no_other(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.pki.issue(CONSOLE, ["konsol.batam.local", "10.1.2.3"], tmp_path / "console", now())
    settings = ConsoleSettings.load(None, tls_dir=tmp_path / "console", listen="0.0.0.0:0")
    assert settings.name == "console"
    assert {"konsol.batam.local", "10.1.2.3", "127.0.0.1"} <= set(settings.allowed_hosts)
    assert "cekal.batam.local" not in settings.allowed_hosts
    assert settings.addresses == ("https://konsol.batam.local:0", "https://10.1.2.3:0")
    assert ConsoleSettings.load(None, tls_dir=tmp_path / "console", listen="0.0.0.0:443").address == (
        "https://konsol.batam.local"
    )
    assert ConsoleSettings.load(None, tls_dir=tmp_path / "none").address == "http://localhost:8443"
    assert ConsoleSettings.load(None, hosts=("one.example",)).allowed_hosts == ("one.example",)


@pytest.mark.slow
def test_the_service_manager_hears_that_it_serves(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        watched = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        options = ("--server", "127.0.0.1:1", "--listen", "127.0.0.1:0")
        command = (sys.executable, "-m", "cekalwatch.console", "serve", *options)
        own = {"CEKALWATCH_CONSOLE_TLS_DIR": str(tmp_path / "tls")}
        with subprocess.Popen(command, env=os.environ | watched | own, stderr=subprocess.DEVNULL) as console:
            assert manager.recv(1000) == b"READY=1"
            alive = b"WATCHDOG=1\nSTATUS=serving pages at 127.0.0.1:0"
            assert [manager.recv(1000) for _ in range(3)] == [alive] * 3
            console.terminate()
            assert console.wait(60) == Exit.OK


@pytest.mark.slow
def test_check_says_what_is_missing_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekalwatch.program.checks.server.ANSWER_S", 1.0)
    site = Site(tmp_path)
    site.pki.issue(CONSOLE, ["konsol.batam.local"], tmp_path / "console", now())
    file = tmp_path / "console.toml"
    file.write_text(f'tls_dir = "{tmp_path / "console"}"\nserver_addresses = ["127.0.0.1:1"]\n')
    result = CliRunner().invoke(app, ["check", "--config", str(file), "--json"])
    assert result.exit_code == Exit.FAILED
    said = {one["subject"]: (one["verdict"], one["text"]) for one in json.loads(result.stdout)}
    assert said["certificate"][0] == said["pages"][0] == "OK"
    assert "konsol.batam.local" in said["pages"][1]
    assert said["server"][0] == "FAIL"
    assert "nobody answers" in said["server"][1]
    assert said["identity provider"] == ("WARN", "not known: the server does not say")
