"""What a control room gets from a real broker (mosquitto, TLS): whoever comes later, whatever fails meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from cekalwatch.contract.values.alarms import BLIND, AlarmKind
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.extensions.notices import mqtt_broker
from cekalwatch.extensions.notices.alarms import NoticeAlarms
from cekalwatch.extensions.notices.domain import stamp
from cekalwatch.extensions.notices.mqtt_broker import MqttBroker
from cekalwatch.extensions.notices.mqtt_feed import REPEAT_S, Batch, ControlRoomStates, MqttOutbox, mqtt_feed
from cekalwatch.extensions.notices.onvif_events import EVENTS, OnvifEvents
from cekalwatch.extensions.notices.service import open_broker
from cekalwatch.extensions.notices.settings import MqttTerms, NoticeTerms
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cli.app import app
from cekalwatch.server.concurrency.outbox import DeliveryError, Dispatcher
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.server import running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site
from tests.support.tools.daemons import Mosquitto

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path="/usr/sbin") or not shutil.which("mosquitto_sub"),
    reason="apt-get install mosquitto mosquitto-clients",
)

D1 = "port/sites/batam-center/counters/D1"
D2 = replace(DEPARTURE, camera_id="dep-2", counter="D/2 é")
DOWN = AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1")
WAIT_S = 60.0


class Room:
    """A database whose state goes to a broker."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, Site(folder / "site")
        self.files = self.site.device(DeviceRole.SERVER, "broker")
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        self.clock = FixedClock(NOON)
        self.counter = Counter(self.database, self.clock)
        self.alarms, self.store = AlarmStore(self.database), NoticeStore(self.database)
        self.readiness = dict[str, ReadinessFault]()
        self.brokers: list[MqttBroker] = []

    def mosquitto(self, *rules: str) -> Mosquitto:
        return Mosquitto(self.folder, self.files, "\n".join(rules or ("allow_anonymous true",)))

    def terms(self, broker: Mosquitto, **more: Any) -> MqttTerms:
        usual: dict[str, Any] = {"broker": broker.address, "topic": "port", "authorities": self.files.authority}
        return MqttTerms(**usual | more)

    def broker(self, broker: Mosquitto, **more: Any) -> MqttBroker:
        self.brokers.append(MqttBroker(self.terms(broker, **more)))
        return self.brokers[-1]

    def answer(self, place: AlertFilter) -> Readiness:
        (counter,) = place.counters
        return Readiness(self.readiness.get(counter))

    def feed(self, broker: Mosquitto, **more: Any) -> Dispatcher[Batch]:
        states = ControlRoomStates(
            (DEPARTURE, D2), self.answer, self.alarms.open, self.counter.handling.open_at, OnvifEvents(self.clock)
        )
        outbox = MqttOutbox(self.broker(broker, **more), self.store, self.alarms, states, self.clock)
        return mqtt_feed(outbox, self.clock)

    def password(self, broker_user: str, password: str) -> Path:
        """Write the broker's list of passwords, and our file with the password."""
        subprocess.run(
            ["mosquitto_passwd", "-b", "-c", self.folder / "passwords", broker_user, "correct horse"],
            check=True,
            capture_output=True,
        )
        file = self.folder / "mqtt.password"
        file.write_text(password + "\n")
        file.chmod(0o600)
        return file


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    for broker in made.brokers:
        broker.close()
    made.database.close()


def events(messages: Sequence[tuple[bool, str, str]]) -> list[str]:
    """The alarms' beginnings and ends that came, each once."""
    found = [json.loads(text) for _, topic, text in messages if topic.endswith("/events")]
    return list(dict.fromkeys(f"{one['data']['about']} {one['type']}" for one in found))


def plain(messages: Sequence[tuple[bool, str, str]]) -> list[tuple[bool, str, str]]:
    """The messages in our own form."""
    return [one for one in messages if "/onvif-ej/" not in one[1]]


def reason(feed: Dispatcher[Batch]) -> str:
    return feed.failing.reason if feed.failing else ""


def test_who_comes_later_sees_what_is_the_case_and_then_each_change(room: Room) -> None:
    room.counter.list_subject()
    alert = room.counter.raise_alert(passage="1", subject_id="S-1")
    room.readiness["D/2 é"] = ReadinessFault.PC
    broker = room.mosquitto()
    with broker.running():
        feed = room.feed(broker)
        feed.deliver()
        room.alarms.write(AlarmChanges(begun=(DOWN,)), NOON)
        feed.deliver()
        with broker.subscriber("port/#") as late:
            late.until(lambda found: len(found) >= 7 + 2 * len(EVENTS))
            assert all(retained for retained, _, _ in late.messages)
            assert {topic: json.loads(text) for _, topic, text in plain(late.messages) if topic != "port/status"} == {
                f"{D1}/rings": {"rings": "ALL", "reason": None},
                f"{D1}/alerts": {"NEW": 1},
                "port/sites/batam-center/counters/D%2F2%20%C3%A9/rings": {"rings": "SOME", "reason": "PC"},
                "port/sites/batam-center/counters/D%2F2%20%C3%A9/alerts": {},
                "port/problems": {"count": 0, "open": []},
                "port/sites/batam-center/problems": {
                    "count": 1,
                    "open": [
                        {
                            "trouble_id": str(room.alarms.open()[0].alarm_id),
                            "kind": "CAMERA_DOWN",
                            "about": "dep-1",
                            "counter": "D1",
                            "began_at": stamp(NOON),
                        }
                    ],
                },
            }
            assert late.text_of("port/status") == "online"
            room.readiness["D1"] = ReadinessFault.CAMERA
            room.counter.claim(alert, room.counter.hire("budi", PersonRole.OFFICER))
            room.alarms.write(AlarmChanges(over=(DOWN.key,)), NOON)
            before = len(late.messages)
            feed.deliver()
            late.until(lambda found: len(found) >= before + 5)
            assert sorted(topic for _, topic, _ in plain(late.messages[before:])) == [
                f"{D1}/alerts",
                f"{D1}/rings",
                "port/sites/batam-center/problems",
                "port/sites/batam-center/problems/events",
            ]
            assert json.loads(late.text_of(f"{D1}/alerts") or "") == {"CLAIMED": 1}
            assert json.loads(late.text_of(f"{D1}/rings") or "") == {"rings": "SOME", "reason": "CAMERA"}
            assert events(late.messages) == ["dep-1 trouble.over"]


def test_the_state_of_a_camera_is_an_event_of_onvif(room: Room) -> None:
    broker = room.mosquitto()
    loss, dark = (
        f"port/sites/batam-center/onvif-ej/VideoSource/{event}/&dep-1"
        for event in ("SignalLoss", "ImageTooDark/ImagingService")
    )
    with broker.running():
        feed = room.feed(broker)
        feed.deliver()
        begun = room.clock.now()
        room.clock.advance(timedelta(seconds=5))
        room.alarms.write(AlarmChanges(begun=(DOWN,)), room.clock.now())
        feed.deliver()
        feed.deliver()
        with broker.subscriber("port/+/+/onvif-ej/#") as late:
            late.until(lambda found: len(found) >= 2 * len(EVENTS))
        assert all(retained for retained, _, _ in late.messages)
        told = {topic: text for _, topic, text in late.messages}
        assert json.loads(told[loss]) == {
            "UtcTime": stamp(room.clock.now()),
            "Source": {"Source": "dep-1"},
            "Data": {"State": True},
        }
        assert json.loads(told[dark]) == {
            "UtcTime": stamp(begun),
            "Source": {"Source": "dep-1"},
            "Data": {"State": False},
        }


def test_each_alarm_that_blinds_a_camera_is_in_an_event() -> None:
    assert sorted(kind for kinds in EVENTS.values() for kind in kinds) == sorted(BLIND)


def test_what_was_said_is_said_again_before_the_broker_forgets_it(room: Room) -> None:
    broker = room.mosquitto()
    with broker.running(), broker.subscriber(f"{D1}/rings", options=("-F", "%r %E %p")) as watching:
        feed = room.feed(broker)
        feed.deliver()
        feed.deliver()
        room.clock.advance(timedelta(seconds=REPEAT_S + 1))
        feed.deliver()
        watching.until(lambda found: len(found) >= 2)
    assert [(int(expiry) in range(50, 61), text) for _, expiry, text in watching.messages] == [
        (True, '{"rings":"ALL","reason":null}')
    ] * 2


def test_a_brokers_restart_loses_nothing(room: Room) -> None:
    broker = room.mosquitto()
    conditions = [replace(DOWN, about=f"cam-{number}") for number in range(5)]
    with broker.running():
        feed = room.feed(broker)
        feed.deliver()
        options = ("-c", "-i", "wall", "-x", "3600")
        with broker.subscriber("port/#", options=options) as wall:
            wall.until(lambda found: len(plain(found)) >= 7)
            room.alarms.write(AlarmChanges(begun=(conditions[0],)), NOON)
            feed.deliver()
            wall.until(lambda found: events(found) == ["cam-0 trouble.open"])
    # The broker is gone, and so is who watches.
    with capture_logs() as lines:
        for condition in conditions[1:]:
            room.alarms.write(AlarmChanges(begun=(condition,)), NOON)
            feed.deliver()
            room.clock.advance(timedelta(minutes=2))
    assert reason(feed).startswith("UNREACHABLE")
    assert len(lines) <= 2, "the same failure is told once"
    room.alarms.write(AlarmChanges(over=(conditions[0].key,)), NOON)
    with broker.running():
        feed.deliver()
        assert feed.failing is None
        with broker.subscriber("port/#", options=options) as wall:
            begun = [f"cam-{number} trouble.open" for number in range(1, 5)]
            wall.until(lambda found: sorted(events(found)) == sorted(["cam-0 trouble.over", *begun]))
            problems = "port/sites/batam-center/problems"
            wall.until(lambda _: json.loads(wall.text_of(problems) or '{"count":0}')["count"] == 4)


def test_a_server_that_takes_over_is_never_announced_as_gone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "WILL_DELAY_S", 1)
    broker = room.mosquitto()
    with broker.running(), broker.subscriber("port/status") as watching:
        first, second = room.broker(broker), room.broker(broker)
        first.send([])
        second.send([])
        first.keep()
        assert not first.connected, "the broker has closed the connection that was taken over"
        second.close()
        watching.until(lambda found: found[-1:] == [(False, "port/status", "offline")])
    assert [text for _, _, text in watching.messages] == ["online", "online", "offline"]


def test_only_the_broker_of_the_authority_gets_anything(room: Room, tmp_path: Path) -> None:
    other = Site(tmp_path / "other").device(DeviceRole.SERVER, "broker")
    broker = room.mosquitto()
    with broker.running():
        feed = room.feed(broker, authorities=other.authority)
        feed.deliver()
        assert reason(feed).startswith("NOT_TRUSTED")
        with pytest.raises(DeliveryError, match="FILES_UNREADABLE"):
            room.broker(broker, authorities=tmp_path / "none").send([])


def test_a_broker_that_wants_a_certificate_gets_ours(room: Room) -> None:
    broker = room.mosquitto("require_certificate true", "use_identity_as_username true", "allow_anonymous false")
    ours = room.site.device(DeviceRole.DIAGNOSTICS, "server")
    with broker.running():
        feed = room.feed(broker)
        feed.deliver()
        assert reason(feed).split(":")[0] in {"NOT_TRUSTED", "UNREACHABLE"}
        feed = room.feed(broker, tls_dir=ours.folder)
        feed.deliver()
        assert feed.failing is None


def test_a_password_is_read_from_its_file_and_a_wrong_one_is_refused(room: Room) -> None:
    file = room.password("watch", "wrong")
    broker = room.mosquitto("allow_anonymous false", f"password_file {room.folder / 'passwords'}")
    with broker.running():
        feed = room.feed(broker, user="watch", password_file=file)
        feed.deliver()
        assert reason(feed) == "ANSWERED: Not authorized"
        file.write_text("correct horse")
        room.clock.advance(timedelta(minutes=2))
        feed.deliver()
        assert feed.failing is None
        file.chmod(0o644)
        with pytest.raises(DeliveryError, match="SECRET_UNUSABLE") as caught:
            room.broker(broker, user="watch", password_file=file).send([])
        assert "correct" not in str(caught.value)


def test_a_topic_that_the_broker_does_not_allow_is_an_alarm(room: Room) -> None:
    file, rules = room.password("watch", "correct horse"), room.folder / "rules"
    rules.write_text("user watch\ntopic write port/status\ntopic write port/problems\n")
    broker = room.mosquitto("allow_anonymous false", f"password_file {room.folder / 'passwords'}", f"acl_file {rules}")
    board = AlarmBoard(room.alarms, room.clock)
    with broker.running():
        feed = room.feed(broker, user="watch", password_file=file)
        rule = NoticeAlarms(room.store, [], {"mqtt": feed}, room.clock)
        for _ in range(7):
            feed.deliver()
            board.apply(rule)
            room.clock.advance(timedelta(minutes=1))
        (problem,) = room.alarms.open()
        assert (problem.condition.kind, problem.condition.about) == (AlarmKind.NOTICES_WAITING, "mqtt")
        assert problem.condition.details["reason"] == "ANSWERED: Not authorized"


PUBLISHER = """
import sys, time
from pathlib import Path
from cekalwatch.extensions.notices import mqtt_broker
from cekalwatch.extensions.notices.onvif_events import EVENTS, OnvifEvents
from cekalwatch.extensions.notices.settings import MqttTerms, NoticeTerms

mqtt_broker.WILL_DELAY_S = 1
broker = mqtt_broker.MqttBroker(MqttTerms(sys.argv[1], "port", Path(sys.argv[2])))
broker.send([])
time.sleep(60)
"""


@pytest.mark.slow
def test_a_killed_program_is_announced_as_gone(room: Room) -> None:
    broker = room.mosquitto()
    with broker.running(), broker.subscriber("port/status") as watching:
        arguments = (sys.executable, "-c", PUBLISHER, broker.address, str(room.files.authority))
        with subprocess.Popen(arguments) as program:
            try:
                watching.until(lambda _: watching.text_of("port/status") == "online", WAIT_S)
            finally:
                program.kill()
        watching.until(lambda _: watching.text_of("port/status") == "offline", WAIT_S)


@pytest.mark.slow
async def test_a_server_tells_what_it_knows_of_itself(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_broker, "WILL_DELAY_S", 1)
    broker = room.mosquitto()
    chosen = settings(room.folder / "data", notices=NoticeTerms(mqtt=room.terms(broker)))
    with broker.running(), broker.subscriber("port/#") as watching:
        async with running(chosen):

            async def told() -> bool:
                return bool(json.loads(watching.text_of(f"{D1}/rings") or "{}").get("rings") == "NONE")

            await becomes(told)
            assert watching.text_of("port/status") == "online"
        watching.until(lambda _: watching.text_of("port/status") == "offline")


def test_the_test_notice_does_not_end_the_connection_of_the_server(room: Room) -> None:
    broker, file = room.mosquitto(), room.folder / "server.toml"
    file.write_text(
        f'''
        data_dir = "{room.folder}/data"
        [notices.mqtt]
        broker = "{broker.address}"
        topic = "port"
        authorities = "{room.files.authority}"
        '''
    )
    with broker.running(), broker.subscriber("port/#") as watching:
        server = room.broker(broker)
        server.send([])
        done = CliRunner(env={"COLUMNS": "240"}).invoke(app, ("notices", "--config", str(file), "--test"))
        assert (done.exit_code, done.stdout) == (0, f"mqtt ({broker.address}): took it\n")
        server.keep()
        assert server.connected
        watching.until(lambda _: watching.text_of("port/test") is not None)
    chosen = ServerSettings.load(file)
    database = Database(chosen.database_address)
    database.upgrade()
    key_store(database, chosen.master_key_source)
    database.close()
    done = CliRunner(env={"COLUMNS": "240"}).invoke(app, ("notices", "--config", str(file)))
    assert done.stdout.splitlines()[-1] == f"mqtt ({broker.address}): nothing yet"


def test_without_the_extra_the_server_says_what_to_install(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cekalwatch.extensions.notices.mqtt_broker", None)
    with pytest.raises(ProgramError, match=r"cekalwatch\[mqtt\]"):
        open_broker(room.terms(room.mosquitto()))
