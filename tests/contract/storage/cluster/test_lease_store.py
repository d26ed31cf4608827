"""One server does the chores of all: who has the lease, who takes it over, and what a server that lost it may write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy
from sqlalchemy.exc import OperationalError

from cekalwatch.server.cluster.jobs import PERIOD_S, LeaderJob, LeaderLease
from cekalwatch.server.storage.alarms import AlarmLogRow
from cekalwatch.server.storage.cluster.lease_store import LASTS_S, Lease, LeaseStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced

pytestmark = pytest.mark.both_databases

WAIT_S = 60.0


@pytest.fixture
def shared(postgres_database: str) -> Iterator[Database]:
    """An upgraded database that several servers may use."""
    with closing(Database(postgres_database)) as database:
        yield database


def run_out(database: Database) -> None:
    """Let the time of the lease pass."""
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE chore_lease SET until = clock_timestamp()"))


def taken(store: LeaseStore) -> Lease:
    lease = store.take()
    assert lease is not None
    return lease


def count(database: Database) -> None:
    """What a leader job might write."""
    with database.session() as session:
        session.get_one(AlarmLogRow, 1).change += 1
        session.commit()


def counted(database: Database) -> int:
    with database.session() as session:
        return session.get_one(AlarmLogRow, 1).change


def test_a_dead_server_is_replaced_within_ten_seconds_also_where_looking_takes_a_while() -> None:
    assert LASTS_S + 2 * PERIOD_S <= 8.0
    assert LASTS_S >= 3 * PERIOD_S


def test_on_one_file_the_server_always_has_it_and_writes_nothing_for_it(database: Database) -> None:
    if database.is_shared:
        pytest.skip("several servers may use it")
    leader = LeaderLease(LeaseStore(database, "only"))
    leader.look()
    assert leader.lease is not None
    with fenced(leader.lease):
        count(database)
    leader.close()
    with database.engine.connect() as connection:
        holder = connection.execute(sqlalchemy.text("SELECT holder FROM chore_lease")).scalar_one()
    assert (counted(database), holder) == (1, "")


@pytest.mark.slow
class TestOfSeveralServers:
    """On PostgreSQL."""

    def test_one_has_it_until_it_gives_it_back(self, shared: Database) -> None:
        one, other = LeaseStore(shared, "one"), LeaseStore(shared, "other")
        first = taken(one)
        assert taken(one) == first
        assert other.take() is None
        one.give_back(first)
        assert taken(other).term == first.term + 1
        one.give_back(first)  # it is no longer its own
        assert one.take() is None

    def test_of_many_at_once_one_gets_it(self, shared: Database) -> None:
        found: list[Lease | None] = []
        at_once = threading.Barrier(4)

        def take(name: str) -> None:
            store = LeaseStore(shared, name)
            at_once.wait(WAIT_S)
            found.append(store.take())

        threads = [threading.Thread(target=take, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert sum(one is not None for one in found) == 1
        assert len(found) == len(threads)

    def test_what_nobody_renews_is_taken_over_by_the_databases_clock(self, shared: Database) -> None:
        one, other = LeaderLease(LeaseStore(shared, "one")), LeaderLease(LeaseStore(shared, "other"))
        one.look()
        other.look()
        assert one.lease is not None
        assert other.lease is None
        run_out(shared)
        other.look()
        one.look()
        assert one.lease is None
        assert other.lease is not None
        other.close()
        one.look()
        assert one.lease is not None
        one.close()

    def test_a_server_that_cannot_renew_it_stops_by_its_own_clock(self, shared: Database) -> None:
        seconds = [100.0]
        leader = LeaderLease(LeaseStore(shared, "one", lasts_s=6.0), lambda: seconds[0])
        leader.look()
        seconds[0] += 5.9
        assert leader.lease is not None
        seconds[0] += 0.2
        assert leader.lease is None

    def test_no_row_of_a_stranger_keeps_all_servers_from_their_chores(self, shared: Database) -> None:
        with shared.engine.begin() as connection:
            forged = "UPDATE chore_lease SET holder = 'nobody', until = clock_timestamp() + interval '1 year'"
            connection.execute(sqlalchemy.text(forged))
        assert LeaseStore(shared, "one").take() is not None

    def test_who_comes_back_after_it_ran_out_writes_nothing(self, shared: Database) -> None:
        one, other = LeaseStore(shared, "one"), LeaseStore(shared, "other")
        old = taken(one)
        with fenced(old):
            count(shared)
        run_out(shared)
        with fenced(old), pytest.raises(LeaseLostError):
            count(shared)  # before anybody has taken it over, too
        taken(other)
        with fenced(old), pytest.raises(LeaseLostError):
            count(shared)
        assert counted(shared) == 1

    def test_what_began_in_a_former_term_is_not_written_in_a_later_one(self, shared: Database) -> None:
        one, other = LeaseStore(shared, "one"), LeaseStore(shared, "other")
        old = taken(one)
        run_out(shared)
        taken(other)
        run_out(shared)
        assert taken(one).term == old.term + 2
        with fenced(old), pytest.raises(LeaseLostError):
            count(shared)

    def test_nobody_takes_over_between_the_check_and_the_commit(self, shared: Database) -> None:
        lease, other = taken(LeaseStore(shared, "one")), LeaseStore(shared, "other")
        ran_out = sqlalchemy.text("UPDATE chore_lease SET until = clock_timestamp()")
        with shared.session() as session:
            lease.check(session)
            with shared.engine.connect() as connection:
                connection.execute(sqlalchemy.text("SET lock_timeout = '200ms'"))
                with pytest.raises(OperationalError, match="lock timeout"):
                    connection.execute(ran_out)
        run_out(shared)
        assert other.take() is not None

    def test_a_chore_is_left_where_it_stands_when_the_lease_is_lost(self, shared: Database) -> None:
        one, other = LeaderLease(LeaseStore(shared, "one")), LeaderLease(LeaseStore(shared, "other"))
        one.look()
        rounds: list[str] = []

        def work() -> None:
            rounds.append("begun")
            run_out(shared)  # the server is stopped for a while, here
            elsewhere = threading.Thread(target=other.look)
            elsewhere.start()
            elsewhere.join(WAIT_S)
            count(shared)
            rounds.append("written")

        LeaderJob("count", 1.0, work).once(one)
        LeaderJob("count", 1.0, lambda: rounds.append("other")).once(other)
        one.look()
        LeaderJob("count", 1.0, lambda: rounds.append("one again")).once(one)
        assert rounds == ["begun", "other"]
        assert counted(shared) == 0

    def test_a_stopped_server_keeps_no_locks_for_long(
        self, postgres_database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cekalwatch.server.storage.connecting.MAX_IDLE_TRANSACTION_S", 1)
        with closing(Database(postgres_database)) as one, closing(Database(postgres_database)) as other:
            with pytest.raises(StorageError, match="IdleInTransaction"), one.session() as session:
                session.get_one(AlarmLogRow, 1).change = 7
                session.flush()  # and here it is stopped
                count(other)
                session.commit()
            assert counted(other) == 1
