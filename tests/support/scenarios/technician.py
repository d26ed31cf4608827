"""The technician at a server's machine, who types commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app
from cekalwatch.server.settings.settings import ServerSettings

CAMERAS = ("departure-1", "arrival-1", "x", "y")


class Technician:
    """Types commands in this process; all of them work on `data`, with the settings that are written."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        """`command`: what all that is typed begins with. The settings have the cameras `CAMERAS`."""
        self.data = folder / "data"
        self.config = folder / "server.toml"
        self._command = command
        self.write(**settings)

    def write(self, **settings: str) -> None:
        """Write the configuration file anew."""
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        for key in CAMERAS:
            camera = {"camera_id": key, "site": "batam-center", "counter": "D1", "direction": "DEPARTURE"}
            lines += ["[[cameras]]", *(f"{name} = {json.dumps(value)}" for name, value in camera.items())]
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def settings(self) -> ServerSettings:
        """What the commands read."""
        return ServerSettings.load(self.config, data_dir=self.data)

    def types(self, *arguments: str) -> str:
        """Return what the command prints on standard output; raises what ends it."""
        return self._typed(*arguments).stdout

    def output(self, *arguments: str) -> str:
        """Return all that the command prints; raises what ends it."""
        return self._typed(*arguments).output

    def _typed(self, *arguments: str) -> Result:
        options = ("--config", str(self.config), "--data-dir", str(self.data))
        outcome = CliRunner().invoke(app, [*self._command, *arguments, *options])
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == 0, outcome.output
        return outcome

    def is_refused(self, *arguments: str) -> tuple[Exit, str]:
        """Return the exit code and the words of a command that is refused."""
        with pytest.raises(ProgramError) as error:
            self.types(*arguments)
        return error.value.exit_code, str(error.value)
