"""Commands of the server whose database fails under them: a sentence and an exit code, and no traceback."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.database import Database
from tests.support.tools.packs import light_environment

KEPT = ("alembic_version", "sqlite_sequence")
"""With these, the tables are taken to be as this version needs them."""


@pytest.mark.parametrize(
    "command",
    [
        "people list",
        "keys list",
        "audit verify",
        "gallery status",
        "evaluate alerts",
        "watchlist list",
        "watchlist delete S-1 --yes",
    ],
)
def test_a_database_that_fails_is_told_in_a_sentence(tmp_path: Path, command: str):
    file = tmp_path / "cekalwatch.sqlite3"
    with closing(Database(f"sqlite:///{file}")) as database:
        database.upgrade()
    with closing(sqlite3.connect(file)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            if name not in KEPT:
                connection.execute(f"DROP TABLE {name}")  # its own name
    outcome = CliRunner(env=light_environment()).invoke(app, [*command.split(), "--data-dir", str(tmp_path)])
    assert isinstance(outcome.exception, ProgramError), outcome.output
    assert outcome.exception.exit_code == Exit.UNAVAILABLE
    assert f"Cannot use the database {file} (OperationalError, SQLITE_ERROR)" in str(outcome.exception)
