"""A PostgreSQL for tests: the one that CEKALWATCH_TEST_POSTGRES names, or a cluster of this test run's own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy

ADDRESS_VARIABLE = "CEKALWATCH_TEST_POSTGRES"


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the address of a server on which databases can be created, or skip the test with the reason."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        yield address
        return
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'cekalwatch[postgres]'")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        pytest.skip(f"no PostgreSQL in /usr/lib/postgresql, and {ADDRESS_VARIABLE} names none")
    with _cluster(programs[-1]) as address:
        yield address


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Give the address of a new, empty database on `server`; it goes when the block ends."""
    name = f"cekalwatch_{uuid4().hex}"
    admin = sqlalchemy.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    try:
        yield sqlalchemy.make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def _cluster(programs: Path) -> Iterator[str]:
    """Run a cluster that listens on a socket in a folder of its own; durability is off, since nobody needs it later."""
    as_owner: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="cekalwatch-postgres-"))
    try:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("PostgreSQL cannot run as root, and there is no user postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_owner = ["runuser", "-u", "postgres", "--"]
        data = folder / "data"

        def run(*arguments: str) -> None:
            with (folder.parent / f"{folder.name}.log").open("ab") as log:
                subprocess.run([*as_owner, *arguments], check=True, cwd="/", stdout=log, stderr=log)

        run(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -c unix_socket_directories='{folder}'"
        control = str(programs / "pg_ctl")
        run(control, "-D", str(data), "-o", options, "-w", "-l", str(folder / "server.log"), "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)
