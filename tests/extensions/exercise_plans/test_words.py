"""What `cekalwatch-server exercises` says to bad input, before it asks two people for their passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit
from cekalwatch.server.cli.app import app


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "7-15"], "'7-15' is no shift: write HH:MM-HH:MM"),
        (["set", "07:00"], "'07:00' is no shift"),
        (["set", "07:00-07:00"], "two different times"),
        (["set", "07:00-15:00", "--a-shift", "11"], "1 to 10 exercises a shift (--a-shift)"),
        (["set", *(f"{hour:02}:00-{hour:02}:30" for hour in range(7))], "at most 6 shifts"),
    ],
)
def test_what_is_wrong_with_shifts_is_said_with_what_would_be_right(
    words: list[str], said: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["exercises", *words, "--data-dir", str(tmp_path)])
    assert getattr(done.exception, "exit_code", done.exit_code) == Exit.USAGE
    assert said in f"{done.output}{done.exception}"
