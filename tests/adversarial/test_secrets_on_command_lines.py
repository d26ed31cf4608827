"""Attack: somebody else on the machine reads a secret among the arguments of a command (`ps`, the shell's history)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cekalwatch.camera.cli.app import app as camera
from cekalwatch.console.cli import app as console
from cekalwatch.gateway.cli import app as gateway
from cekalwatch.notifier.cli.app import app as notifier
from cekalwatch.program.errors import Exit
from cekalwatch.server.cli.app import app as server
from deploy.simulator.cli import app as simulator
from tests.support.tools.programs import run_program

PROGRAMS = {
    "camera": camera,
    "console": console,
    "gateway": gateway,
    "notifier": notifier,
    "server": server,
    "simulator": simulator,
}
WORDS = r"pass(?:word|wd|phrase|code)?|pwd|pin|secret|token|code|credentials?|otp|(?:private|master|api)[-_]key"
SECRET = re.compile(rf"(?:^|[-_])(?:{WORDS})(?:$|[-_])")
PLACES = re.compile(r"[-_](?:file|dir|from|path)$")
"""What an option is called that says where a secret is."""


def parameters(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every option and argument of a command and of those below it."""
    for parameter in command.params:
        yield path, parameter
    for name, inner in getattr(command, "commands", {}).items():
        yield from parameters(inner, f"{path} {name}")


def takes_a_secret(parameter: Any) -> bool:
    """Whether a value may be given to it, and its name says that this is a secret."""
    if getattr(parameter, "is_flag", False):
        return False
    names = [name.lstrip("-") for name in (*parameter.opts, *parameter.secondary_opts)]
    return any(SECRET.search(name) and not PLACES.search(name) for name in names)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_option_and_no_argument_takes_a_secret(program: str) -> None:
    found = list(parameters(typer.main.get_command(PROGRAMS[program]), program))
    assert len(found) > 5
    assert not [f"{path}: {parameter.opts}" for path, parameter in found if takes_a_secret(parameter)]


def test_the_search_finds_such_options() -> None:
    app = typer.Typer()

    @app.command()
    def _command(pin: str, code: str = "", api_token: str = "", code_file: str = "", accept_key: bool = False) -> None:
        """Take secrets as no command may."""

    found = parameters(typer.main.get_command(app), "")
    assert {one.name for _, one in found if takes_a_secret(one)} == {"pin", "code", "api_token"}


@pytest.mark.slow
@pytest.mark.parametrize("program", ["camera", "notifier"])
def test_an_enrolment_code_is_read_from_a_file_the_environment_or_the_keyboard_and_is_no_argument(
    program: str, tmp_path: Path
) -> None:
    code = tmp_path / "code.txt"
    code.write_text("not a code\n")
    enrol = ("enrol", "--server", "127.0.0.1:9", "--tls-dir", tmp_path / "tls")
    refused = run_program(program, *enrol, "--code", "ABCDEF")
    assert refused.returncode == Exit.USAGE
    assert "No such option" in refused.stderr
    answers = [
        run_program(program, *enrol, "--code-file", code),
        run_program(program, *enrol, "--code-file", "-", typed="not a code\n"),
        run_program(program, *enrol, typed="not a code\n"),
        run_program(program, *enrol, environment={"CEKALWATCH_ENROLMENT_CODE": "not a code"}),
    ]
    assert len({(one.returncode, one.stderr.replace("Code: ", "")) for one in answers}) == 1
    assert answers[0].returncode == Exit.USAGE
    assert "not a code" not in answers[0].stderr
    missing = run_program(program, *enrol, "--code-file", tmp_path / "nothing")
    assert missing.returncode
    assert "cannot be read" in missing.stderr


@pytest.mark.parametrize(
    "source",
    [
        "rtsp://watcher:rahasia@10.0.0.7/1",
        "rtsp://10.0.0.7/1?user=admin&password=rahasia",
        "rtsps://:rahasia@10.0.0.7/1",
        "rtsp://[watcher:rahasia@10.0.0.7/1",
    ],
)
@pytest.mark.parametrize("command", ["run", "check", "survey", "preview"])
def test_a_cameras_password_is_no_argument(command: str, source: str) -> None:
    done = run_program("camera", command, "--source", source, "--camera-id", "dep-1")
    assert done.returncode == Exit.USAGE
    assert "others on this machine can read arguments" in done.stderr
    assert "rahasia" not in done.stderr + done.stdout


def test_an_address_of_a_pack_has_no_password() -> None:
    address = "https://kantor:rahasia@files.example/buffalo_s.zip"
    done = run_program("server", "models", "install", "buffalo_s", "--accept-license", "--url", address)
    assert done.returncode == Exit.USAGE
    assert "rahasia" not in done.stderr
