"""What each command says of itself."""

from __future__ import annotations

import re
import sys

import pytest
from typer import Typer, rich_utils
from typer.testing import CliRunner

from cekalwatch.camera.cli.app import app as camera
from cekalwatch.console.cli import app as console
from cekalwatch.gateway.cli import app as gateway
from cekalwatch.notifier.cli.app import app as notifier
from cekalwatch.program.cli.command import run
from cekalwatch.server.cli.app import app as server
from tests.support.tools.commands import commands_of

PROGRAMS = {"camera": camera, "console": console, "gateway": gateway, "notifier": notifier, "server": server}


@pytest.mark.parametrize(
    ("program", "words"), [(name, words) for name, app in PROGRAMS.items() for words, _ in commands_of(app)]
)
def test_the_help_has_an_example_and_shows_brackets_as_they_are_typed(program: str, words: str):
    app: Typer = PROGRAMS[program]
    command = dict(commands_of(app))[words]
    done = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert done.exit_code == 0, done.output
    assert "Example" in done.output
    said = f"{command.help} {command.epilog} {' '.join(str(getattr(one, 'help', '')) for one in command.params)}"
    for written in re.findall(r"\[\S+", said.replace("\\[", "[")):
        assert written in done.output


def test_a_paragraph_of_the_help_is_filled_to_the_terminals_width_and_examples_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 400)  # which it reads when it is loaded
    for app, words, whole in (
        (gateway, "init", "unless it is in --invitation or CEKALWATCH_INVITATION. Run it"),
        (camera, "check", "one line each, with OK, WARN or FAIL."),
        (camera, "check", "cekalwatch-camera check\n"),
    ):
        monkeypatch.setattr(sys, "argv", ["program", words, "--help"])
        with pytest.raises(SystemExit):
            run(app)
        assert whole in re.sub(r" +\n", "\n", capsys.readouterr().out)
