"""A PostgreSQL that keeps texts in another encoding than UTF8: refused in words, whatever meets it first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.app import Server
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.server import settings
from tests.support.tools.packs import light_pack
from tests.support.tools.postgres import fresh_database

pytestmark = pytest.mark.slow

REMEDY = r"createdb --template=template0 --encoding=UTF8"


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(encoding: str, postgres: str) -> Iterator[str]:
    """Of an empty database in that encoding; it is empty afterwards."""
    with fresh_database(postgres, encoding=encoding) as made:
        yield made
        engine = sqlalchemy.create_engine(
            made.replace("postgresql:", "postgresql+psycopg:"), connect_args={"client_encoding": "UTF8"}
        )
        assert sqlalchemy.inspect(engine).get_table_names() == []
        engine.dispose()


def run(*words: str) -> str:
    """Type a command, and return what it printed; a refusal raises ProgramError."""
    outcome = CliRunner().invoke(app, words)
    if isinstance(outcome.exception, ProgramError):
        raise outcome.exception
    return outcome.stdout


def configured(folder: Path, address: str = "") -> str:
    """A server's settings."""
    file = folder / "server.toml"
    named = f'database_url = "{address}"\n' if address else ""
    file.write_text(f'data_dir = "{folder / "data"}"\nlisten = "127.0.0.1:1"\n{named}')
    return str(file)


def test_init_makes_nothing(address: str, encoding: str, tmp_path: Path) -> None:
    answers, config = tmp_path / "answers.toml", tmp_path / "server.toml"
    answers.write_text(
        'office = "Kantor Imigrasi Batam"\nhosts = ["localhost"]\nadministrator = "sari"\n'
        f'administrator_name = "Sari Dewi"\ndata_dir = "{tmp_path / "data"}"\nmodel_pack = "light"\n'
        f'models_dir = "{light_pack().parent}"\ndatabase_url = "{address}"\n[[sites]]\nsite = "batam-center"\n'
    )
    told = rf"keeps texts in the encoding {encoding}.*{REMEDY}"
    with pytest.raises(ProgramError, match=told) as refused:
        run("init", "--answers", str(answers), "--config", str(config), "--sheets", str(tmp_path / "sheets"))
    assert refused.value.exit_code == Exit.CONFIG
    assert not config.exists()
    assert not (tmp_path / "data").exists()


def test_check_fails_with_what_to_do(address: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    shown = run("check", "--config", configured(tmp_path, address))
    (line,) = (line for line in shown.splitlines() if line.startswith("FAIL") and " database " in f"{line} ")
    assert encoding in line
    assert "createdb" in shown


async def test_no_server_starts(address: str, encoding: str, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=rf"encoding {encoding}.*{REMEDY}") as refused:
        async with Server(settings(tmp_path / "data", database_url=address)):
            pass
    assert refused.value.exit_code == Exit.CONFIG


def test_no_database_moves_there(address: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "data" / "cekalwatch.sqlite3"
    with closing(Database(f"sqlite:///{file}")) as database:
        database.begin()
    with pytest.raises(ProgramError, match=rf"encoding {encoding}.*{REMEDY}"):
        run("database", "move", "--to", address, "--config", configured(tmp_path))
    assert file.exists()


def test_what_a_program_is_told_of_the_encoding_of_others_does_not_count(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with closing(Database(postgres_database)) as database, database.connection() as there:
        assert there.scalar(sqlalchemy.text("SELECT 'Nguyễn Thị Ánh'")) == "Nguyễn Thị Ánh"
