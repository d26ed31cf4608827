"""Servers of one PostgreSQL tell each other that something was committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy

from cekalwatch.server.storage.cluster.change_notifier import ChangeNotifier, ChangeTopic
from cekalwatch.server.storage.database import Database

pytestmark = pytest.mark.both_databases

WAIT_S = 60.0


class Hearer:
    """Somebody whom hints wake."""

    def __init__(self, database: Database) -> None:
        self.woken = {topic: threading.Semaphore(0) for topic in ChangeTopic}
        self.changes = ChangeNotifier(database)
        self.changes.start({topic: one.release for topic, one in self.woken.items()})

    def hears(self, topic: ChangeTopic, within_s: float = WAIT_S) -> bool:
        return self.woken[topic].acquire(timeout=within_s)

    def began(self) -> None:
        """Wait until it listens: it is woken then."""
        assert all(self.hears(topic) for topic in ChangeTopic)

    def close(self) -> None:
        self.changes.close()


@pytest.fixture
def databases(postgres_database: str) -> Iterator[tuple[Database, Database]]:
    """One database, as two servers have it open."""
    with closing(Database(postgres_database)) as one, closing(Database(postgres_database)) as other:
        yield one, other


@pytest.mark.slow
def test_the_others_hear_and_the_sender_does_not(databases: tuple[Database, Database]) -> None:
    with closing(Hearer(databases[0])) as one, closing(Hearer(databases[1])) as other:
        one.began()
        other.began()
        one.changes.send(ChangeTopic.ALARMS)
        assert other.hears(ChangeTopic.ALARMS)
        other.changes.send(ChangeTopic.ALERT_EVENTS)
        assert one.hears(ChangeTopic.ALERT_EVENTS)
        assert not one.hears(ChangeTopic.ALARMS, within_s=0)
        assert not other.hears(ChangeTopic.ALERT_EVENTS, within_s=0)


@pytest.mark.slow
def test_who_loses_the_connection_looks_and_hears_again(databases: tuple[Database, Database]) -> None:
    with closing(Hearer(databases[0])) as one, closing(Hearer(databases[1])) as other:
        one.began()
        other.began()
        one.changes.send(ChangeTopic.ALARMS)
        assert other.hears(ChangeTopic.ALARMS)
        with databases[0].engine.connect() as admin:
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            admin.execute(sqlalchemy.text(ending + "AND datname = current_database()"))
        one.began()  # what came meanwhile is looked for
        other.began()
        one.changes.send(ChangeTopic.ALARMS)
        assert other.hears(ChangeTopic.ALARMS)


def test_on_one_file_nobody_is_there_to_hear(database: Database) -> None:
    if database.is_shared:
        pytest.skip("several servers may use it")
    with closing(Hearer(database)) as alone:
        alone.changes.send(ChangeTopic.ALARMS)
        assert not alone.hears(ChangeTopic.ALARMS, within_s=0)
