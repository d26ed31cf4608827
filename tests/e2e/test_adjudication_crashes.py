"""Power cuts while people work: the server is killed at random moments, agents too, and no step is lost or half done.

The server runs as a process and is ended by SIGKILL; this process plays a second server, which raises alerts on the
same database. The moments are random with a seed that is printed; set CEKALWATCH_TEST_SEED to have the same choices
again, though not the same interleaving.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.domain.alerts.alert import AlertEvent
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import Stack, StackConfig
from tests.support.builders.alerts import capture, match
from tests.support.builders.keys import keyring
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import Seat, seen, sign_in
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.scenarios.site_pki import issue_for_stack
from tests.support.tools.packs import light_pack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("forked_programs")]

SERVER_LIVES = 3
STEPS_OF_A_LIFE = (10, 60)
ALERTS_OF_A_LIFE = 24
"""Enough that no life waits for work: an alert gives three steps at least (claim, judge, close), a life wants sixty,
and an answer that a kill swallowed counts for none."""
STEPS_AFTER_THE_LAST = 10
ALERTS_FOR_THEM = 4
"""No more than that work needs: each alert that waits is one that an agent gets again after every death."""
MAX_OF_AN_AGENTS_LIFE = 30
"""Events that an agent gets before it is killed, at most."""
END_S = 480.0
GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
OTHER_WAS_FASTER = {grpc.StatusCode.FAILED_PRECONDITION}
STARTS = {AlertEventType.RAISED, AlertEventType.SIGHTED}
"""What does not count as a step of people or of the clock."""
LEAVE_VERSION = STARTS | {AlertEventType.ESCALATED, AlertEventType.LOOKED}
EVERY_STEP = {
    AlertEventType.CLAIMED,
    AlertEventType.RELEASED,
    AlertEventType.ADJUDICATED,
    AlertEventType.LOOKED,
    AlertEventType.CONFIRMED,
    AlertEventType.CLEARED,
    AlertEventType.FOLLOWED_UP,
    AlertEventType.CLOSED,
}
"""What people can do, and do before the day is over: which of it they do first is left to chance."""
AFTER = {
    None: {"RAISED"},
    "NEW": {"CLAIMED", "ESCALATED"},
    "CLAIMED": {"RELEASED", "ADJUDICATED"},
    "JUDGED": {"LOOKED", "ESCALATED", "CONFIRMED", "CLEARED", "CLOSED"},
    "CONFIRMED": {"FOLLOWED_UP", "CLOSED"},
    "CLEARED": {"CLOSED"},
    "CLOSED": set(),
}
BRINGS_TO = {
    "RAISED": "NEW",
    "CLAIMED": "CLAIMED",
    "RELEASED": "NEW",
    "ADJUDICATED": "JUDGED",
    "LOOKED": "JUDGED",
    "CONFIRMED": "CONFIRMED",
    "FOLLOWED_UP": "CONFIRMED",
    "CLEARED": "CLEARED",
    "CLOSED": "CLOSED",
}


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("CEKALWATCH_TEST_SEED", secrets.randbelow(2**32)))
    print(f"CEKALWATCH_TEST_SEED={seed}")  # noqa: T201  # pytest shows it when the test fails
    return random.Random(seed)  # noqa: S311  # moments, no secrets


@dataclass
class Day:
    """What is there to work on, and how far the work has come."""

    alert_ids: list[str] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The highest version that an answer told, by alert."""
    begun: dict[str, None] = field(default_factory=dict)
    """The alerts about which something was done, and for all that is known not the last thing."""
    steps: int = 0
    over: bool = False
    stepped: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, alert: alert_pb2.Alert) -> None:
        """Note a step that was answered."""
        self.answered[alert.alert_id] = max(self.answered[alert.alert_id], alert.version)
        self.begun[alert.alert_id] = None
        if alert.state == words.ALERT_STATE_CLOSED:
            del self.begun[alert.alert_id]
        self.steps += 1
        self.stepped.set()

    def choice(self, chance: random.Random) -> str:
        """Choose an alert to work on: as often one that was begun as any."""
        return chance.choice(list(self.begun) if self.begun and chance.random() < 0.5 else self.alert_ids)

    async def until_stepped(self, count: int) -> None:
        """Wait for so many more steps."""
        aim = self.steps + count
        while self.steps < aim:
            self.stepped.clear()
            await self.stepped.wait()


class Agent:
    """An agent that is killed again and again; what it has taken note of, it keeps."""

    def __init__(self, seat: Seat, chance: random.Random) -> None:
        self._seat = seat
        self._chance = chance
        self.first_seen: dict[int, str] = {}
        """The alert of each event, by sequence, in the order in which the events came first."""
        self.began_after = -1
        """The position from which it was sent events at first: a certificate alone gets no history."""
        self.deaths = 0
        self.noted = asyncio.Event()

    async def live(self) -> None:
        """Subscribe, die and return, for ever."""
        while True:
            call = self._seat.alerts.SubscribeAlerts(
                messages.SubscribeAlertsRequest(agent_id=self._seat.agent_id), wait_for_ready=True
            )
            left = self._chance.randint(1, MAX_OF_AN_AGENTS_LIFE)
            try:
                while left:
                    message = await call.read()
                    if message is grpc.aio.EOF:
                        break
                    if message.HasField("subscribed") and self.began_after < 0:
                        self.began_after = message.subscribed.after_sequence
                    if not message.HasField("event"):
                        continue
                    left -= 1
                    self.first_seen.setdefault(message.event.sequence, message.event.alert.alert_id)
                    self.noted.set()
                    if self._chance.random() < 0.6:
                        await self._seat.alerts.AcknowledgeAlerts(
                            messages.AcknowledgeAlertsRequest(
                                agent_id=self._seat.agent_id, sequence=message.event.sequence
                            )
                        )
            except grpc.aio.AioRpcError as error:
                if error.code() not in GONE:
                    raise
            finally:
                call.cancel()
            self.deaths += 1

    def since_it_began(self, log: list[AlertEvent]) -> list[AlertEvent]:
        """Return the events that it has to be sent."""
        return [event for event in log if event.sequence > self.began_after]

    async def until_seen(self, log: list[AlertEvent]) -> None:
        """Wait until it has taken note of all that happened since it began."""
        while not {event.sequence for event in self.since_it_began(log)} <= self.first_seen.keys():
            self.noted.clear()
            await self.noted.wait()


async def work(day: Day, seat: Seat, chance: random.Random, *, supervisor: bool) -> None:
    """Work on alerts at random until the day is over, as one who never gives up."""
    while not day.over:
        try:
            alert = await seat.get(day.choice(chance))
            await step(day, seat, alert, chance, supervisor=supervisor)
        except grpc.aio.AioRpcError as error:
            if error.code() not in GONE | OTHER_WAS_FASTER:
                raise
            if error.code() in GONE:
                await seat.channel.channel_ready()


async def step(day: Day, seat: Seat, alert: alert_pb2.Alert, chance: random.Random, *, supervisor: bool) -> None:
    """Do what one can about an alert as it stands."""
    match alert.state:
        case words.ALERT_STATE_NEW | words.ALERT_STATE_CLAIMED if not supervisor:
            held = await seat.claim(alert.alert_id)
            day.note(held)
            outcome, reason = chance.choice(
                (
                    (words.OUTCOME_REFERRED, words.REASON_FACE_AGREES),
                    (words.OUTCOME_CANNOT_DETERMINE, words.REASON_IMAGE_TOO_POOR),
                    (words.OUTCOME_NOT_SAME_PERSON, words.REASON_FACE_DIFFERS),
                    (None, None),
                    (None, None),
                )
            )
            if outcome is not None and reason is not None:
                day.note(await seat.judge(held, outcome, reason))
            elif chance.random() < 0.5:
                answer = await seat.call("ReleaseAlert", alert_id=alert.alert_id, agent_id=seat.agent_id)
                day.note(answer.alert)
        case words.ALERT_STATE_UNSPECIFIED if supervisor:  # an officer has judged it; how, the look shows
            looked = await seat.look(alert)
            day.note(looked)
            await step(day, seat, looked, chance, supervisor=supervisor)
        case words.ALERT_STATE_REFERRED | words.ALERT_STATE_CANNOT_DETERMINE if supervisor:
            if chance.random() < 0.5:
                day.note(await seat.confirm(alert))
            else:
                answer = await seat.call("ClearAlert", **seen(alert), reason=words.REASON_FACE_DIFFERS)
                day.note(answer.alert)
        case words.ALERT_STATE_CONFIRMED:
            if alert.handling.follow_ups:
                day.note(await seat.close(alert))
            else:
                day.note(await seat.follow_up(alert))
        case words.ALERT_STATE_CLEARED:
            day.note(await seat.close(alert))
        case _:
            await asyncio.sleep(0.1)  # a moment for the others; nothing waits for it


async def test_kills_at_random_moments_lose_no_step_and_keep_the_order_of_each_alert(
    tmp_path: Path, chance: random.Random
) -> None:
    chosen = settings(tmp_path / "server")
    list_astronaut(chosen)
    database = Database(chosen.database_address)
    office = Office(database)
    for name, role in (("ani", PersonRole.OFFICER), ("budi", PersonRole.OFFICER), ("siti", PersonRole.SUPERVISOR)):
        office.hire(person(name, role))
    store, day = AlertStore(database, keyring(database, chosen.master_key_source)), Day()
    raise_alerts(store, day)
    config = StackConfig(
        tmp_path,
        light_pack().parent,
        model_pack="light",
        settings={
            "threads": 1,
            "inference": "onnxruntime",
            "keep_alive_period_seconds": 1,
            "claim_lease_seconds": 10,
            "escalate_after_seconds": 15,
        },
    )
    pcs = ("pc-ani", "pc-budi", "pc-siti", "hall-0", "hall-1")
    issue_for_stack(config, *((DeviceRole.NOTIFIER, pc) for pc in pcs))
    with ExitStack() as programs:
        stack = programs.enter_context(Stack(config))
        async with asyncio.timeout(END_S), asyncio.TaskGroup() as tasks:
            seats = [await seat_at(stack, f"pc-{name}", name) for name in ("ani", "budi", "siti")]
            agents = [Agent(await seat_at(stack, f"hall-{number}"), chance) for number in range(2)]
            working = [
                tasks.create_task(work(day, seat, chance, supervisor=seat.agent_id == "pc-siti")) for seat in seats
            ]
            living = [tasks.create_task(agent.live()) for agent in agents]
            for _ in range(SERVER_LIVES):
                await day.until_stepped(chance.randint(*STEPS_OF_A_LIFE))
                await asyncio.sleep(chance.uniform(0, 0.02))
                await asyncio.to_thread(stack.server.kill)
                raise_alerts(store, day)
                await asyncio.to_thread(stack.start_server)
                raise_alerts(store, day)
            while not kinds_in(log_of(store)) >= EVERY_STEP:
                raise_alerts(store, day, ALERTS_FOR_THEM)
                await day.until_stepped(STEPS_AFTER_THE_LAST)
            day.over = True
            await asyncio.gather(*working)
            for agent in agents:
                await agent.until_seen(log_of(store))
            for task in living:
                task.cancel()
        for seat in seats:
            await seat.channel.close()
    log = log_of(store)

    for agent in agents:
        # Some events may have come after the wait for those before them.
        first_seen, happened = list(agent.first_seen.items()), agent.since_it_began(log)
        told = [(event.sequence, str(event.alert_id)) for event in happened]
        assert first_seen[: len(told)] == told[: len(first_seen)]
        assert len(told) > len(log) / 2
        assert agent.deaths > SERVER_LIVES
    check_lives(store, log, day)
    recorded = [one.details for one in AuditStore(database).links() if one.action.startswith("ALERT_")]
    numbers = [int(details.split('"event":')[1].split(",")[0]) for details in recorded if '"version"' in details]
    assert numbers == [event.sequence for event in log if event.type not in STARTS], "an event without its entry"
    database.close()


def check_lives(store: AlertStore, log: list[AlertEvent], day: Day) -> None:
    """Hold each alert's events against the life that an alert may have, and its row against its events."""
    lives: dict[str, list[AlertEventType]] = defaultdict(list)
    for event in log:
        lives[str(event.alert_id)].append(event.type)
    assert set(lives) == set(day.alert_ids)
    for alert_id, kinds in lives.items():
        stands: str | None = None
        for kind in kinds:
            assert kind in AFTER[stands], (alert_id, kinds)
            stands = BRINGS_TO.get(kind, stands)
    for event in log:
        version = store.get(event.alert_id).version
        steps = [kind for kind in lives[str(event.alert_id)] if kind not in LEAVE_VERSION]
        assert version == 1 + len(steps), "a step without its event, or an event without its step"
        assert version >= day.answered[str(event.alert_id)], "an answered step is gone"


def kinds_in(log: list[AlertEvent]) -> set[AlertEventType]:
    return {event.type for event in log}


def raise_alerts(store: AlertStore, day: Day, count: int = ALERTS_OF_A_LIFE) -> None:
    """Raise alerts as another server of the office does, which is not killed."""
    now = datetime.now(UTC)
    for _ in range(count):
        number = len(day.alert_ids)
        found = match(capture(passage=str(number), at=now + timedelta(milliseconds=number)))
        event = store.record(found, timedelta(0), now)
        assert event is not None
        day.alert_ids.append(str(event.alert_id))


def log_of(store: AlertStore) -> list[AlertEvent]:
    return store.events_after(0, 100_000)


async def seat_at(stack: Stack, pc: str, name: str = "") -> Seat:
    """Return a PC, with a person who has signed in if `name` is given."""
    channel = (await asyncio.to_thread(stack.dialer, DeviceRole.NOTIFIER, pc)).aio_channel()
    return Seat(channel, pc, await sign_in(channel, name) if name else "")
