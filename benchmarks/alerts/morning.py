"""A busy morning at a port: 500 alerts, one a second, five officers and two supervisors at their real windows.

    python -m benchmarks alerts.morning

Travellers are people of LFW, listed by one photograph; every fifth passes a second counter a few seconds later. Server
and PCs (Qt, offscreen) are processes of their own. It ends when every alert is settled; a PC must have rung once for
each alert at its counter.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import uuid6

from benchmarks.alerts.officer_hands import Desk, sit
from benchmarks.recognition.faces import FACES
from cekalwatch.contract.values.adjudication import CLEARING, UNSETTLED, AlertEventType
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.recognition.enrolment import Enroller, EnrolmentError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.builders.watchlist import subject
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.server import CaptureClient, engine, face, order_in_force
from tests.support.tools.packs import light_pack

ALERTS = 500
PACE_S = 1.0
OFFICERS, SUPERVISORS = 5, 2
SECOND_COUNTER_EVERY = 5
"""One in this many travellers passes a second counter."""
SECOND_COUNTER_AFTER_S = 4.0
THRESHOLD = 0.45
CLEARLY_ABOVE = 0.05
"""Travellers score so much above the threshold: who is not recognised is not what this is about."""
LFW_EYE_DISTANCE_PX = 30.0
SITE = "batam-center"
MAX_WAIT_S = 120.0
"""How long the last alerts may wait for somebody."""


@dataclass(frozen=True, eq=False)
class Traveller:
    """A listed person: the reference face, and the face that passes."""

    subject_id: str
    reference: NewReference
    face: capture_pb2.FaceCapture


@dataclass(frozen=True)
class Passage:
    """A traveller before a counter."""

    capture_id: str
    counter: int


def travellers(count: int) -> list[Traveller]:
    """Return listed people of LFW who are recognised; raises FileNotFoundError where the data set is not there."""
    if not (FACES / "lfw").is_dir():
        raise FileNotFoundError(f"{FACES / 'lfw'} (one folder a person)")
    found: list[Traveller] = []
    for folder in sorted((FACES / "lfw").iterdir()):
        photographs = sorted(folder.glob("*.jpg"))
        if len(photographs) < 2 or (one := _traveller(f"S-{len(found) + 1}", *photographs[:2])) is None:
            continue
        found.append(one)
        if len(found) == count:
            return found
    raise FileNotFoundError(f"{count} people in {FACES / 'lfw'}, not {len(found)}")


def _traveller(subject_id: str, listed: Path, passing: Path) -> Traveller | None:
    enroller = Enroller(engine().detector, engine().recogniser, min_eye_distance_px=LFW_EYE_DISTANCE_PX)
    photo, passage = listed.read_bytes(), face(np.asarray(cv2.imread(str(passing)), dtype=np.uint8))
    try:
        enrolment = enroller.enrol(photo)
        probe = enroller.enrol(passage.jpeg)  # other people may be in the picture
    except EnrolmentError:
        return None
    if float(enrolment.template @ probe.template) < THRESHOLD + CLEARLY_ABOVE:
        return None
    reference = NewReference.of(enrolment, photo, engine().recogniser.model_version, enrolment.template)
    return Traveller(subject_id, reference, passage)


def prepare(folder: Path, listed: Sequence[Traveller], desks: dict[str, PersonRole]) -> None:
    """Write the watchlist and the people into the database of a `Stack` that is still to start."""
    database = Database(f"sqlite:///{folder / 'server' / 'cekalwatch.sqlite3'}")
    database.upgrade()
    keys = KeyStore.open(database, KeyFile(folder / "server" / "master.key"), SystemClock(), operator())
    store = WatchlistStore(database, keys.keyring)
    for one in listed:
        order = order_in_force(order_id=f"O-{one.subject_id}", subject_id=one.subject_id)
        store.put(subject(one.subject_id, name=f"CONTOH {one.subject_id}", nationality="SGP"), order, [one.reference])
    store.mark_success(datetime.now(UTC))
    office = Office(database)
    for name, role in desks.items():
        office.hire(person(name, role, sites=(SITE,)))
    database.close()


@contextmanager
def staffed(stack: Stack, desks: dict[str, PersonRole]) -> Iterator[None]:
    """Keep somebody at every PC until the end of the block; each has written its result then."""
    # Forked from a process that has loaded the windows and does nothing else.
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([sit.__module__])
    stop = forking.Event()
    processes = []
    for number, (name, role) in enumerate(desks.items()):
        counters = (f"D{number}",) if role is PersonRole.OFFICER else ()
        tls_dir = stack.certificate(DeviceRole.NOTIFIER, name)
        desk = Desk(name, counters, stack.address, tls_dir, stack.config.folder / name, PASSWORD)
        desk.folder.mkdir()
        ready = forking.Event()
        process = forking.Process(target=sit, args=(desk, ready, stop), daemon=True)
        process.start()
        processes.append((process, ready))
    try:
        for process, ready in processes:
            while not ready.wait(1.0):
                if process.exitcode is not None:
                    raise RuntimeError(f"a PC ended with {process.exitcode}")
        yield
        stop.set()
        for process, _ in processes:
            process.join(MAX_WAIT_S)
    finally:
        for process, _ in processes:
            process.kill()


async def pass_by(stack: Stack, listed: Sequence[Traveller], officers: int, pace_s: float) -> list[Passage]:
    """Let the travellers pass, one each `pace_s` seconds; return who stood where, once all have been dealt with."""
    async with AsyncExitStack() as opened:
        cameras = []
        for plan in stack.config.cameras:
            dialer = stack.dialer(DeviceRole.CAMERA, plan.camera_id)
            channel = await opened.enter_async_context(dialer.aio_channel())
            cameras.append(await CaptureClient.open(channel, plan.camera_id))
        writing = [asyncio.Lock() for _ in cameras]  # a stream takes one message after another
        passages: list[Passage] = []

        async def pass_counter(traveller: Traveller, counter: int, after_s: float) -> None:
            await asyncio.sleep(after_s)
            capture = capture_pb2.FaceCapture()
            capture.CopyFrom(traveller.face)
            capture.capture_id = capture.track_id = str(uuid6.uuid7())
            capture.capture_time.FromDatetime(datetime.now(UTC))
            passages.append(Passage(capture.capture_id, counter))
            async with writing[counter]:
                await cameras[counter].send(capture)

        walks: list[tuple[Traveller, int, float]] = []
        for number, traveller in enumerate(listed):
            at = number * pace_s
            walks.append((traveller, number % officers, at))
            if number % SECOND_COUNTER_EVERY == 0:
                walks.append((traveller, (number + 1) % officers, at + SECOND_COUNTER_AFTER_S))
        due = Counter(counter for _, counter, _ in walks)
        receipts = asyncio.gather(*(camera.receipts(due[counter]) for counter, camera in enumerate(cameras)))
        await asyncio.gather(*(pass_counter(*walk) for walk in walks))
        found = Counter(one.outcome for of_camera in await receipts for one in of_camera)
        if found != {capture_pb2.CAPTURE_OUTCOME_ACCEPTED: len(walks)}:
            raise RuntimeError(f"captures that were not dealt with: {found}")
        return passages


class Records:
    """What the server wrote down, read from its database."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(f"file:{folder / 'server' / 'cekalwatch.sqlite3'}?mode=ro", uri=True)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def states(self) -> Counter[str]:
        """How many alerts stand where."""
        return Counter(dict(self._database.execute("SELECT state, count(*) FROM alert GROUP BY state").fetchall()))

    def sightings(self) -> dict[str, tuple[str, bool]]:
        """The alert of each capture, and whether somebody had cleared it or ruled somebody out when it came."""
        clearing = dict(
            self._database.execute(
                "SELECT alert_id, min(found_at) FROM alert_finding WHERE outcome IN (?, ?) GROUP BY 1", (*CLEARING,)
            )
        )
        events = self._database.execute(
            "SELECT capture_id, alert_id, occurred_at FROM alert_event WHERE capture_id != ''"
        )
        return {capture: (alert, clearing.get(alert, at) < at) for capture, alert, at in events}

    def events(self, alert_id: str) -> list[tuple[str, ...]]:
        """What happened to an alert: when, what, and by which capture."""
        return self._database.execute(
            "SELECT occurred_at, type, capture_id FROM alert_event WHERE alert_id = ? ORDER BY sequence", (alert_id,)
        ).fetchall()

    def announced(self) -> Counter[str]:
        """How often each alert came to the supervisors."""
        kinds = (AlertEventType.ESCALATED, AlertEventType.ADJUDICATED)
        return Counter(
            key for (key,) in self._database.execute("SELECT alert_id FROM alert_event WHERE type IN (?, ?)", kinds)
        )


def morning(folder: Path, alerts: int, pace_s: float, officers: int, supervisors: int) -> dict[str, float]:
    """Play it, and return the figures `morning.…`; raises TimeoutError when alerts stay unsettled."""
    listed = travellers(alerts)
    desks = {f"officer-{number}": PersonRole.OFFICER for number in range(officers)}
    desks |= {f"supervisor-{number}": PersonRole.SUPERVISOR for number in range(supervisors)}
    cameras = tuple(CameraPlan(f"departure-{number}", f"D{number}") for number in range(officers))
    prepare(folder, listed, desks)
    # The cameras here send no heartbeats.
    settings = {"threads": 1, "threshold": THRESHOLD, "heartbeat_period_seconds": 300}
    with (
        Stack(StackConfig(folder, light_pack().parent, cameras, SITE, model_pack="light", settings=settings)) as stack,
        ExitStack() as staff,
    ):
        stack.wait_for_gallery(alerts)
        staff.enter_context(staffed(stack, desks))
        begun = time.monotonic()
        passages = asyncio.run(pass_by(stack, listed, officers, pace_s))
        with closing(Records(folder)) as records:
            last = time.monotonic()
            while any(records.states()[state] for state in UNSETTLED):
                if time.monotonic() > last + MAX_WAIT_S:
                    raise TimeoutError(f"alerts that nobody settled: {records.states()}")
                time.sleep(0.5)
            took = time.monotonic() - begun
            staff.close()
            rang = {name: _rang(folder / name) for name in desks}
            return _judged(records, passages, rang, desks) | {"morning.seconds": round(took, 1)}


def _rang(folder: Path) -> Counter[str]:
    return Counter(alert_id for _, alert_id in json.loads((folder / "result.json").read_text())["rang"])


def _judged(
    records: Records, passages: Sequence[Passage], rang: dict[str, Counter[str]], desks: dict[str, PersonRole]
) -> dict[str, float]:
    sightings, announced, states = records.sightings(), records.announced(), records.states()
    missed = 0
    for passage in passages:
        alert_id, cleared = sightings.get(passage.capture_id, ("", False))
        if not cleared and not rang[f"officer-{passage.counter}"][alert_id]:
            missed += 1
            print(f"{passage} did not ring:", *records.events(alert_id), sep="\n    ")
    again = 0
    for name, role in desks.items():
        for alert_id, times in rang[name].items():
            allowed = 1 if role is PersonRole.OFFICER else 1 + announced[alert_id]
            again += max(0, times - allowed)
    return {
        "morning.alerts": states.total(),
        "morning.unsettled": sum(states[state] for state in UNSETTLED),
        "morning.confirmed": states["CLOSED"] + states["CONFIRMED"],
        "morning.passages": len(passages),
        "morning.not_rung_where_the_traveller_stood": missed,
        "morning.rung_again": again,
    }


def measure() -> dict[str, float]:
    """Return the figures of the whole morning."""
    with tempfile.TemporaryDirectory() as temporary:
        return morning(Path(temporary), ALERTS, PACE_S, OFFICERS, SUPERVISORS)


if __name__ == "__main__":
    print(measure())
