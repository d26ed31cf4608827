"""What somebody sees who has a database's files and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy

from cekalwatch.server.storage.database import Database

JFIF = bytes.fromhex("ffd8ffe000104a464946")
"""How every JPEG begins that OpenCV and Pillow write: long enough not to come up by chance."""
PIECE = 16


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file in `folder` and below, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def back_up(file: Path) -> Path:
    """Copy a SQLite database, which may be in use, as its own tools do."""
    copy = file.with_name(f"backup-of-{file.name}")
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    return copy


def database_bytes(database: Database) -> dict[str, bytes]:
    """Every file of the database with its journal: of SQLite with a backup, of PostgreSQL the whole cluster."""
    if database.engine.dialect.name == "sqlite":
        file = Path(database.name)
        back_up(file)
        found = folder_bytes(file.parent)
        assert f"{file.name}-wal" in found
        return found
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("CHECKPOINT"))
        folder = Path(connection.execute(sqlalchemy.text("SHOW data_directory")).scalar_one())
    try:
        return folder_bytes(folder)
    except (PermissionError, FileNotFoundError):
        pytest.skip("the files of this PostgreSQL cannot be read from here")


def pieces(data: bytes) -> list[bytes]:
    """Pieces from all over `data`, so that a part of it is found as well."""
    return [data[start : start + PIECE] for start in range(0, len(data) - PIECE + 1, max(PIECE, len(data) // 50))]


def shown(files: dict[str, bytes], secrets: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Which of `secrets` stand in which files."""
    wanted = list(secrets)
    assert all(len(secret) >= 4 for secret in wanted), "shorter ones come up by chance"
    return [(name, secret) for name, data in files.items() for secret in wanted if secret in data]
