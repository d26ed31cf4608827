"""What servers tell of themselves, their cameras and agents, and for how long it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from cekalwatch.contract.values.cameras import Drops, Heartbeat, SpoolState, SpoolStatus, ViewState
from cekalwatch.contract.values.gates import GateAsk
from cekalwatch.contract.values.orders import Direction
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cluster.attendance import STALE_AFTER_S, Attendance
from cekalwatch.server.cluster.peers import Load, Peers
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.presence import AgentPresence, CameraPresence, GatePresence, ServerRun
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.cluster.presence_store import LASTS, PresenceStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import DEPARTURE
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.server import LateClock

pytestmark = pytest.mark.both_databases

T0 = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HELD = GatePresence(T0, T0, GateAsk.HOLD, T0)
RUN = ServerRun(
    "a", "server-1", "10.0.0.1:7443", "1.0", "standard-1", {"legal.urgent_days": "20"}, T0, 3, 1.5, {"d1": HELD}
)
BEAT = Heartbeat(
    12.5,
    3,
    1.25,
    ViewState.DARK,
    7,
    SpoolStatus(SpoolState.DISK_FULL, 2, 4000, 9.5),
    Drops(1, 2, 3, 4),
    dropped_total=11,
)
CAMERA = CameraPresence(1, T0, None, BEAT, 4, T0, timedelta(seconds=-2.5))


AT_D1 = AgentPresence("batam-center", frozenset(("D1", "D2")), Direction.DEPARTURE, supervises=True)


def agents(*names: str) -> dict[str, AgentPresence]:
    return dict.fromkeys(names, AT_D1)


def age(database: Database, by: timedelta) -> None:
    """Let time pass since everything was told."""
    with database.engine.begin() as connection:
        earlier = sqlalchemy.text("UPDATE server_run SET seen_at = seen_at - make_interval(secs => :by)")
        connection.execute(earlier, {"by": by.total_seconds()})


def test_on_one_file_there_is_nobody_to_tell(database: Database) -> None:
    if database.is_shared:
        pytest.skip("several servers may use it")
    store = PresenceStore(database, SystemClock())
    store.tell(RUN, {"dep-1": CAMERA}, agents("pc-1"))
    presence = Presence(SystemClock())
    presence.camera_connected("dep-1")
    with presence.agent_connected("pc-1", lambda: AT_D1):
        whole = Peers(lambda: RUN, presence, lambda: Load(0, 0), store).whole()
    assert store.told() == []
    assert [(one.run.run_id, one.alive, one.clock_ahead) for one in whole.servers] == [("a", True, None)]
    assert {name: server for name, (_, server) in whole.cameras.items()} == {"dep-1": "server-1"}
    assert whole.agents == {"pc-1": "server-1"}
    assert whole.watched == {"pc-1": AT_D1}
    assert presence.agents == {}


@pytest.mark.slow
class TestOfSeveralServers:
    """On PostgreSQL."""

    @pytest.fixture
    def shared(self, database: Database) -> Database:
        if not database.is_shared:
            pytest.skip("one server has it")
        return database

    def test_what_was_told_is_read_as_it_was(self, shared: Database) -> None:
        store = PresenceStore(shared, SystemClock())
        store.tell(RUN, {"dep-1": CAMERA, "arr-1": CameraPresence()}, agents("pc-1", "pc-2"))
        later = replace(RUN, captures_waiting=9)
        store.tell(later, {"arr-1": replace(CAMERA, streams=2)}, agents("pc-2", "pc-3"))
        (told,) = store.told()
        assert (told.run, told.alive) == (later, True)
        assert told.cameras == {"dep-1": CAMERA, "arr-1": replace(CAMERA, streams=2)}
        assert told.agents == agents("pc-2", "pc-3")

    def test_what_an_agent_watches_follows_who_is_signed_in_there(self, shared: Database) -> None:
        store = PresenceStore(shared, SystemClock())
        for supervises in (False, True):
            agent = replace(AT_D1, supervises=supervises)
            store.tell(RUN, {}, {"pc-1": agent})
            assert store.told()[0].agents == {"pc-1": agent}

    def test_an_agent_at_a_server_that_does_not_say_what_it_watches_may_watch_everything(
        self, shared: Database
    ) -> None:
        store = PresenceStore(shared, SystemClock())
        store.tell(RUN, {}, agents("pc-1"))
        with shared.engine.begin() as connection:
            connection.execute(sqlalchemy.text("UPDATE agent_presence SET facts = NULL"))
        assert store.told()[0].agents == {"pc-1": AgentPresence()}

    def test_a_pc_at_another_server_attends_its_counters_here_too(self, shared: Database) -> None:
        store, clock = PresenceStore(shared, SystemClock()), FixedClock()
        peers = Peers(lambda: replace(RUN, run_id="b"), Presence(clock), lambda: Load(0, 0), store)
        cameras = (DEPARTURE, replace(DEPARTURE, camera_id="dep-9", counter="D9"))
        attendance = Attendance(cameras, peers.whole, clock)
        store.tell(RUN, {}, agents("pc-1"))
        for _ in range(2):
            attendance.look()
            clock.advance(timedelta(seconds=STALE_AFTER_S))
        attendance.look()
        assert attendance.unattended == cameras[1:]

    def test_the_clock_is_compared_with_the_databases(self, shared: Database) -> None:
        clock = LateClock()
        clock.go(minutes=3)
        store = PresenceStore(shared, clock)
        for ahead in (store.tell(RUN, {}, {}), store.told()[0].clock_ahead):
            assert ahead is not None
            assert abs(ahead - timedelta(minutes=3)) < timedelta(seconds=10)

    def test_a_server_that_tells_nothing_more_has_gone_with_its_agents_until_it_is_back_or_taken_out(
        self, shared: Database
    ) -> None:
        store = PresenceStore(shared, SystemClock())
        store.tell(RUN, {"dep-1": CAMERA}, agents("pc-1"))
        age(shared, LASTS + timedelta(seconds=1))
        presence = Presence(SystemClock())
        whole = Peers(lambda: replace(RUN, run_id="b", name="server-2"), presence, lambda: Load(0, 0), store).whole()
        assert [(one.run.name, one.alive) for one in whole.servers] == [("server-2", True), ("server-1", False)]
        camera, server = whole.cameras["dep-1"]
        assert (camera.streams, camera.last_heard_at, server) == (0, T0, "server-1")
        assert whole.agents == {}
        age(shared, timedelta(days=40))
        other = replace(RUN, run_id="b", name="server-2")
        store.tell(other, {}, {})
        assert [one.run.name for one in store.dead()] == ["server-1"], "nobody forgets it"
        store.tell(replace(RUN, run_id="c"), {}, {})
        assert sorted(one.run.run_id for one in store.told()) == ["b", "c"], "it is back, and listed once"
        assert store.dead() == []
        age(shared, LASTS + timedelta(seconds=1))
        store.tell(other, {}, {})
        assert (store.forget("server-2"), store.forget("server-1"), store.forget("server-1")) == (False, True, False)
        assert [one.run.run_id for one in store.told()] == ["b"]

    def test_a_camera_is_where_its_stream_is(self, shared: Database) -> None:
        store, mine = PresenceStore(shared, SystemClock()), Presence(SystemClock())
        mine.camera_connected("dep-1")
        peers = Peers(lambda: replace(RUN, run_id="b", name="server-2"), mine, lambda: Load(0, 0), store)
        store.tell(RUN, {"dep-1": replace(CAMERA, streams=0, gone_at=T0)}, {})
        assert peers.whole().cameras["dep-1"][1] == "server-2"
        mine.camera_disconnected("dep-1")
        store.tell(RUN, {"dep-1": CAMERA}, {})
        assert peers.whole().cameras["dep-1"] == (CAMERA, "server-1")

    def test_two_servers_of_one_name_do_not_work_together(self, shared: Database) -> None:
        store, presence = PresenceStore(shared, SystemClock()), Presence(SystemClock())
        other, mine = replace(RUN, run_id="b", address="10.0.0.2:7443"), replace(RUN, run_id="c")
        store.tell(other, {}, {})

        def joining(meanwhile: Callable[[], object]) -> Peers:
            return Peers(lambda: mine, presence, lambda: Load(0, 0), store, wait=lambda _: meanwhile())

        with pytest.raises(ProgramError, match=r"server-1 works on this database already, at 10\.0\.0\.2:7443"):
            joining(lambda: store.tell(other, {}, {})).join(model_chosen=False)
        assert [one.run.run_id for one in store.told()] == ["b"]
        # One that tells nothing more was this server before it was killed.
        joining(lambda: age(shared, timedelta(seconds=1))).join(model_chosen=False)
        assert {one.run.run_id for one in store.told()} == {"b", "c"}

    def test_who_stops_in_order_leaves_nothing(self, shared: Database) -> None:
        store = PresenceStore(shared, SystemClock())
        store.tell(RUN, {"dep-1": CAMERA}, agents("pc-1"))
        store.leave(RUN.run_id)
        with shared.engine.connect() as connection:
            for table in ("server_run", "camera_presence", "agent_presence"):
                assert connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one() == 0  # noqa: S608

    def test_only_what_changed_is_told_again(self, shared: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        store, presence = PresenceStore(shared, SystemClock()), Presence(SystemClock())
        peers = Peers(lambda: RUN, presence, lambda: Load(1, 40), store)
        told: list[list[str]] = []
        tell = store.tell

        def noted(run: ServerRun, cameras: dict[str, CameraPresence], agents: dict[str, AgentPresence]) -> timedelta:
            told.append(sorted(cameras))
            return tell(run, cameras, agents)

        monkeypatch.setattr(store, "tell", noted)
        presence.camera_connected("dep-1")
        presence.camera_connected("arr-1")
        peers.tell()
        peers.tell()
        presence.heartbeat_received("arr-1", BEAT)
        peers.tell()
        assert told == [["arr-1", "dep-1"], [], ["arr-1"]]
