"""A PostgreSQL that survives: a primary and its synchronous standby, made by `pg_basebackup`, which are killed and
promoted as a test or a bench says. Nothing decides about promotion but the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from deploy.demo.programs import wait_until
from deploy.demo.stack import kept_port
from tests.support.tools.postgres import PostgresNode, postgres_programs

FOLLOWS_S = 60.0


class PostgresPair:
    """The two nodes; after a promotion `primary` is the one that was promoted, and the other is gone until `mend`."""

    def __init__(self, one: PostgresNode, other: PostgresNode) -> None:
        """Take two nodes of which nothing is made; both have ports."""
        self._nodes = (one, other)
        self.primary = one
        self.standby: PostgresNode | None = None
        self.database = "cekalwatch"

    @property
    def address(self) -> str:
        """Of an empty database, with both hosts, in the same order whichever is the primary."""
        hosts = "&".join(f"host=127.0.0.1:{node.port}" for node in self._nodes)
        return f"postgresql://postgres@/{self.database}?{hosts}"

    def begin(self) -> None:
        """Make and start the primary, the standby and the database."""
        self.primary.make()
        self.primary.start()
        self.mend()
        self.renew_database()

    def renew_database(self) -> None:
        """Let `address` be that of a new, empty database, which the standby has as well."""
        self.primary.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self.database = f"cekalwatch_{uuid4().hex}"
        self.primary.execute(f"CREATE DATABASE {self.database}")
        if standby := self.standby:
            has = f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'"  # noqa: S608  # a name of ours
            wait_until(lambda: bool(standby.execute(has)), FOLLOWS_S, "The standby's copy of the database")

    def mend(self) -> None:
        """Make the node that is not the primary its standby, whatever it was, and wait for commits on it from then on.

        It must not run.
        """
        other = next(node for node in self._nodes if node is not self.primary)
        other.make_copy_of(self.primary)
        other.start()
        other.set("synchronous_standby_names", "")  # once it is promoted it has no standby
        self.standby = other
        self.synchronous(on=True)

    def synchronous(self, *, on: bool) -> None:
        """Let commits wait for the standby, which follows, or not."""
        self.primary.set("synchronous_standby_names", "*" if on else "")
        if on:
            states = "SELECT sync_state FROM pg_stat_replication"
            wait_until(
                lambda: [row[0] for row in self.primary.execute(states)] == ["sync"], FOLLOWS_S, "A synchronous standby"
            )

    def lose_standby(self) -> None:
        """Kill the standby: commits wait until `mend`, or until they need no standby."""
        if self.standby is None:
            raise ValueError("there is no standby to lose")
        self.standby.kill()
        self.standby = None

    def promote(self) -> None:
        """Let the standby be the primary. The former one should be dead, or both take writes."""
        if self.standby is None:
            raise ValueError("there is no standby to promote")
        self.standby.promote()
        self.primary, self.standby = self.standby, None

    def fail_over(self) -> None:
        """Kill the primary, and promote the standby."""
        self.primary.kill()
        self.promote()

    def close(self) -> None:
        """End both."""
        for node in self._nodes:
            node.close()


@contextmanager
def postgres_pair(*, durable: bool = False) -> Iterator[PostgresPair]:
    """Run a primary with a synchronous standby, or skip the test with the reason.

    Where it is `durable`, both write to their disks before a commit, as real ones do.
    """
    programs = postgres_programs()
    with ExitStack() as stack:
        nodes = []
        for _ in range(2):
            node = PostgresNode(programs, stack.enter_context(kept_port()), durable=durable)
            stack.callback(node.close)
            nodes.append(node)
        pair = PostgresPair(*nodes)
        pair.begin()
        yield pair
