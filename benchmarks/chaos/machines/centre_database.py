"""The database of the centre: a PostgreSQL and its synchronous standby, each with a small disk where possible."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.chaos.machines.disk import can_mount, mounted
from cekalwatch.program.errors import Exit, ProgramError
from deploy.demo.programs import wait_until
from deploy.demo.stack import kept_port
from tests.support.tools.postgres import PostgresNode, postgres_programs
from tests.support.tools.postgres_pair import FOLLOWS_S, PostgresPair

NO_POSTGRESQL = "There is no PostgreSQL in /usr/lib/postgresql; install the package postgresql"
SMALL = {"max_wal_size": "64MB", "min_wal_size": "32MB", "wal_recycle": "off"}
"""Settings that keep the files small: the check of privacy reads every byte of them."""
DISK_BYTES = 500_000_000


class CentreDatabase:
    """The two nodes; `centre_database` runs them. One of its methods at a time."""

    def __init__(self, nodes: Sequence[PostgresNode], pair: PostgresPair) -> None:
        self.nodes = tuple(nodes)
        self._pair = pair

    @property
    def name(self) -> str:
        """Of the database on both."""
        return self._pair.database

    @property
    def address(self) -> str:
        """For who works beside the servers: past the lines, of the node that takes writes."""
        return self._pair.address

    @property
    def primary_folder(self) -> Path:
        """Where the node that takes writes has its files."""
        return self._pair.primary.folder

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the nodes have their files."""
        return tuple(node.folder for node in self.nodes)

    def kill(self) -> None:
        """Kill the primary; the standby waits for it."""
        self._pair.primary.kill()

    def stop(self) -> None:
        """Let the primary end in order, with the connections that there are closed."""
        self._pair.primary.stop("fast")

    def start(self) -> None:
        """Start the primary again, unless it runs."""
        if not self._runs(self._pair.primary):
            self._pair.primary.start()

    def fail_over(self) -> None:
        """Kill the primary, and promote the standby, which takes writes without a standby of its own.

        As whoever decides about promotions does, it waits until the standby has all that the primary shows: after a
        restart the primary shows commits that nobody was told of, and that its standby does not have yet.
        """
        wait_until(self._standby_has_all, FOLLOWS_S, "A standby that has all")
        self._pair.fail_over()

    def _standby_has_all(self) -> bool:
        has_all = (
            "SELECT count(*) FROM pg_stat_replication "
            "WHERE state = 'streaming' AND sync_state = 'sync' AND flush_lsn >= pg_current_wal_lsn()"
        )
        return bool(self._pair.primary.execute(has_all)[0][0])

    def lose_standby(self) -> None:
        """Kill the standby: each commit waits until `mend`."""
        self._pair.lose_standby()

    def mend(self) -> None:
        """Make the node that is gone a standby of the other."""
        self._pair.mend()

    @staticmethod
    def _runs(node: PostgresNode) -> bool:
        engine = sqlalchemy.create_engine(node.address.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.connect():
                return True
        except SQLAlchemyError:
            return False
        finally:
            engine.dispose()


@contextmanager
def centre_database() -> Iterator[CentreDatabase]:
    """Run the pair until the end of the block. Raises ProgramError where there is no PostgreSQL."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin")):
        raise ProgramError(NO_POSTGRESQL, Exit.MISSING_EXTRA)
    programs = postgres_programs()
    with ExitStack() as opened:
        nodes = []
        for _ in range(2):
            node = PostgresNode(programs, opened.enter_context(kept_port()))
            opened.callback(_remove, node.folder)
            if can_mount():
                owner = node.folder.stat()
                opened.enter_context(mounted(node.folder, DISK_BYTES))
                shutil.chown(node.folder, owner.st_uid, owner.st_gid)
            opened.callback(node.close)
            nodes.append(node)
        pair = PostgresPair(*nodes)
        pair.begin()
        for node in nodes:  # later copies have these too
            for name, value in SMALL.items():
                node.set(name, value)
        yield CentreDatabase(nodes, pair)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
