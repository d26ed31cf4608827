"""The PostgreSQL of the port: a cluster of its own, as a process that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import sqlalchemy

from cekalwatch.program.errors import Exit, ProgramError

DATABASE = "port"
START_S = 60.0
NO_CLUSTER = "There is no PostgreSQL in /usr/lib/postgresql; install the package postgresql"


class Cluster:
    """The cluster below `folder`. A kill loses nothing that was written: the machine goes on, and so does its cache."""

    def __init__(self, folder: Path) -> None:
        """Make it. Raises ProgramError where there is no PostgreSQL."""
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        if not programs:
            raise ProgramError(NO_CLUSTER, Exit.MISSING_EXTRA)
        self._programs = programs[-1]
        self.folder = folder
        self.data.mkdir(parents=True, exist_ok=True)
        # PostgreSQL refuses to run as root.
        self._owner: str | None = None
        if os.geteuid() == 0:
            self._owner = "postgres"
            for own in (folder, self.data):
                shutil.chown(own, "postgres", "postgres")
        self.data.chmod(0o700)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        self.start()
        engine = sqlalchemy.create_engine(self._address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {DATABASE}")
        engine.dispose()

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    @property
    def socket(self) -> str:
        """The path of the socket at which it listens."""
        return str(self.folder / ".s.PGSQL.5432")

    @property
    def address(self) -> str:
        """The address of the database for who works beside the servers."""
        return f"postgresql://postgres@/{DATABASE}?host={self.folder}"

    def _address(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it unless it runs, and wait until it takes connections. Raises ProgramError."""
        if self._process is not None and self._process.poll() is None and self._answers():
            return
        deadline = time.monotonic() + START_S
        while True:
            with (self.folder / "server.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [str(self._programs / "postgres"), "-D", str(self.data), *self._options()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self._owner,
                    cwd="/",
                    start_new_session=True,
                )
            while self._process.poll() is None:
                if self._answers():
                    return
                if time.monotonic() > deadline:
                    raise ProgramError(f"PostgreSQL did not start; see {self.folder / 'server.log'}", Exit.UNAVAILABLE)
                time.sleep(0.1)
            # A backend of the one that was killed may still hold its memory.
            if time.monotonic() > deadline:
                raise ProgramError(f"PostgreSQL ends at once; see {self.folder / 'server.log'}", Exit.UNAVAILABLE)
            time.sleep(0.3)

    def kill(self) -> None:
        """End it and all its backends at once."""
        if self._process is None:
            return
        try:
            backends = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            backends = []
        self._process.kill()
        for one in backends:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(backends, timeout=10)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Let it end in order, with the connections that there are closed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def _options(self) -> tuple[str, ...]:
        # Nothing is lost by a process that is killed, so that nobody has to wait for the disk.
        wanted = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "200",
            "max_wal_size": "96MB",
            "wal_recycle": "off",
        }
        return tuple(part for name, value in wanted.items() for part in ("-c", f"{name}={value}"))

    def _answers(self) -> bool:
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder), "-d", "postgres"]
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / "initdb.log").open("ab") as log:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                cwd="/",
                stdout=log,
                stderr=log,
                user=self._owner,
            )
