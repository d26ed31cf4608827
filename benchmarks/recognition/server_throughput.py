"""Faces a second through `StreamFaces`, compared with bare recognisers in a loop on as many threads.

    python -m benchmarks.recognition.server_throughput [PACK]

A real server process with a gallery of 10,000 templates takes faces from 8 camera streams of this process. Before and
after each of ROUNDS two loops run on two threads while the server is idle: onnxruntime with one face a call (its
fastest form), and the server's engine and precision with the server's largest batch. The figures are medians of the
rounds. `own_cpu_ms_per_face` is the processor time of the server and its confined processes, less that of the second
loop for as many faces: it means something beside other work too, which rates do not. Only rounds of a time when the
server has compared its new list with itself count.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import psutil
import uuid6
from skimage import data

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.v1 import capture_pb2, capture_service_pb2, capture_service_pb2_grpc
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import CameraPlan, Stack, StackConfig

PACK = Path("build/models/standard")
CHOICE = InferenceChoice(InferenceEngine.AUTO, Precision.AUTO)
"""The engine and precision that the server chooses by default."""
CHOICE_F32 = InferenceChoice(InferenceEngine.AUTO, Precision.F32)
FIGURES_F32 = ("bare_recogniser_per_s", "faces_per_s", "own_cpu_ms_per_face", "rss_mb", "throughput_ratio")
THREADS = 2
STREAMS = 8
GALLERY = 10_000
FIGURES = FaceFigures(90.0, 0.0, 0.0, 0.6, 0.5, 0.99, 1)
ROUNDS = 3
ROUND_S = 30.0
"""How long a round takes, about: the last receipts, which leave half a second after their faces, make little of it."""
WARM_UP = 200
COMPARING_S = 15.0
"""In which the server compares its new list with itself, which it does once."""
BARE_SECONDS = 3.0
LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


@dataclass(frozen=True)
class Bare:
    """A recogniser alone: THREADS threads in a loop, with its engine's best batch a call."""

    per_s: float
    cpu_ms: float
    """Processor time for a face."""


def bare(engine: Engine) -> Bare:
    """Measure it for BARE_SECONDS."""
    batch = engine.inference.batch
    faces = np.random.default_rng(1).integers(0, 255, (batch, 112, 112, 3)).astype(np.uint8)
    counts = [0] * THREADS
    end = time.perf_counter() + BARE_SECONDS

    def loop(number: int) -> None:
        while time.perf_counter() < end:
            engine.recogniser.embed(faces)
            counts[number] += batch

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(THREADS)]
    begun, cpu_s = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faces_done = sum(counts)
    return Bare(faces_done / (time.perf_counter() - begun), (time.process_time() - cpu_s) / faces_done * 1000)


def processor_s(process: psutil.Process) -> float:
    """Return the processor time that a server and its confined processes have used."""
    return sum(sum(one.cpu_times()[:2]) for one in [process, *process.children(recursive=True)])


def fill_gallery(database: Database, rows: WatchlistRows, engine: Engine, count: int) -> None:
    """Write `count` subjects with one random template each, in one transaction."""
    generator = np.random.default_rng(2)
    templates = generator.normal(size=(count, engine.recogniser.size)).astype("<f4")
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    today = date.today()  # noqa: DTZ011  # orders have days of the local clock
    subjects = [Subject(f"S-{number}", f"Contoh {number}", nationality="IDN") for number in range(count)]
    model = engine.recogniser.model_version
    with database.session() as session:
        session.add_all(rows.subject_row(subject) for subject in subjects)
        session.flush()
        for subject in subjects:
            key = subject.subject_id
            order = BanOrder(
                order_id=key,
                subject_id=key,
                kind=OrderKind.CEGAH,
                requesting_agency="Contoh",
                valid_from=today - timedelta(days=10),
                valid_until=today + timedelta(days=90),
                received_on=today - timedelta(days=10),
            )
            session.add(rows.order_row(order, ""))
            session.add(rows.reference_row(ReferenceFace(key, key, FIGURES, subject_id=key)))
        session.flush()
        session.add_all(
            rows.template_row(subject.subject_id, model, subject.subject_id, template)
            for subject, template in zip(subjects, templates, strict=True)
        )
        session.commit()


def database_with_gallery(folder: Path, engine: Engine) -> tuple[Database, Keyring]:
    """Make the database of a Stack in `folder`, with GALLERY subjects; return it open, with its keys."""
    database = Database(f"sqlite:///{folder / 'server' / 'cekalwatch.sqlite3'}")
    database.upgrade()
    keys = KeyStore.open(database, KeyFile(folder / "server" / "master.key"), SystemClock(), operator())
    fill_gallery(database, WatchlistRows(keys.keyring), engine, GALLERY)
    return database, keys.keyring


def captures(engine: Engine) -> list[capture_pb2.FaceCapture]:
    """Make crops of scikit-image's astronaut at sizes that cameras see; ids, tracks and times are put in when sent."""
    made = []
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)  # type: ignore[no-untyped-call]
    for scale in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        picture: Picture = np.asarray(cv2.resize(portrait, None, fx=scale, fy=scale), dtype=np.uint8)
        face = engine.detector.detect(picture)[0]
        margin = face.width / 2
        left, top = max(0, round(face.left - margin)), max(0, round(face.top - margin))
        crop = picture[top : round(face.bottom + margin), left : round(face.right + margin)]
        points = {
            name: capture_pb2.Point(x=float(x) - left, y=float(y) - top)
            for name, (x, y) in zip(LANDMARKS, face.landmarks, strict=True)
        }
        made.append(
            capture_pb2.FaceCapture(
                jpeg=cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes(),
                landmarks=capture_pb2.FaceLandmarks(**points),
                detector_score=0.9,
                quality=capture_pb2.FaceQuality(score=0.8),
            )
        )
    return made


async def stream(dialer: Dialer, camera_id: str, faces: Sequence[capture_pb2.FaceCapture], count: int) -> None:
    """Send `count` faces as one camera, as fast as credits allow, five a track; return when all have receipts."""
    async with dialer.aio_channel() as channel:
        call: Any = capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces()
        request = capture_service_pb2.StreamFacesRequest
        hello = capture_service_pb2.Hello(camera_id=camera_id, client_version="bench", run_id=str(uuid6.uuid7()))
        await call.write(request(hello=hello))
        welcome = await call.read()
        free, sent, dealt_with = welcome.welcome.credits, 0, 0
        while dealt_with < count:
            while free and sent < count:
                message = request(face=faces[sent % len(faces)])
                message.face.capture_id = str(uuid6.uuid7())
                message.face.track_id = str(sent // 5)
                message.face.capture_time.FromDatetime(datetime.now(UTC))
                await call.write(message)
                free, sent = free - 1, sent + 1
            response = await call.read()
            if response is grpc.aio.EOF:
                raise RuntimeError(f"the server ended the stream: {await call.code()}")
            for receipt in response.receipts.receipts:
                if receipt.outcome != capture_pb2.CAPTURE_OUTCOME_ACCEPTED:
                    raise RuntimeError(f"a face was not searched: {receipt}")
            free += response.receipts.credits
            dealt_with += len(response.receipts.receipts)
        await call.done_writing()


async def load(cameras: Mapping[str, Dialer], faces: Sequence[capture_pb2.FaceCapture], count: int) -> float:
    """Send `count` faces through all cameras; return faces a second."""
    begun = time.perf_counter()
    share = count // len(cameras)
    await asyncio.gather(*(stream(dialer, camera_id, faces, share) for camera_id, dialer in cameras.items()))
    return share * len(cameras) / (time.perf_counter() - begun)


def dialers(stack: Stack) -> dict[str, Dialer]:
    """Return what connects as each camera of the site."""
    return {plan.camera_id: stack.dialer(DeviceRole.CAMERA, plan.camera_id) for plan in stack.config.cameras}


def measure(name: str = PACK.name) -> dict[str, float]:
    """Return the rate of a server with the pack `name`, its share of the bare recognisers' rates, and its memory."""
    figures, plain = measure_with(name, CHOICE), measure_with(name, CHOICE_F32)
    chosen = [f"server.{figure}" for figure in FIGURES_F32]
    return figures | {f"{figure}_f32": plain[figure] for figure in chosen}


def measure_with(name: str, choice: InferenceChoice) -> dict[str, float]:
    """Return the figures of a server that computes with `choice`."""
    limit_native_threads(1)
    pack = load_pack(PACK.with_name(name))
    plain, engine = open_engine(pack, threads=1), open_engine(pack, 1, choice)
    print(f"{engine.inference.engine}, {engine.inference.precision}, at most {engine.inference.batch} faces a call")
    cameras = tuple(CameraPlan(f"camera-{number}", f"C{number}") for number in range(STREAMS))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        database, _ = database_with_gallery(folder, engine)
        database.close()
        faces = captures(engine)
        settings: dict[str, int | float | str] = {
            "threads": THREADS,
            "inference": choice.engine,
            "precision": choice.precision,
        }
        config = StackConfig(folder=folder, models=PACK.parent, cameras=cameras, model_pack=name, settings=settings)
        with Stack(config) as stack:
            used = stack.status().inference
            if (used.engine, used.precision) != (engine.inference.engine, engine.inference.precision):
                raise RuntimeError(f"the server computes with {used.engine}, {used.precision}")
            connected = dialers(stack)
            process = psutil.Process(stack.server.pid)
            asyncio.run(load(connected, faces, WARM_UP))
            time.sleep(COMPARING_S)
            around = [(bare(plain), bare(engine))]
            faces_a_round = round(ROUND_S * around[0][1].per_s)
            rates, cpu_s, mine_s = [], 0.0, 0.0
            for _ in range(ROUNDS):
                cpu_s -= processor_s(process)
                mine_s -= time.process_time()
                rates.append(asyncio.run(load(connected, faces, faces_a_round)))
                mine_s += time.process_time()
                cpu_s += processor_s(process)
                around.append((bare(plain), bare(engine)))
            memory = process.memory_info().rss / 1e6
    beside = [
        tuple(statistics.mean(one.per_s for one in rates) for rates in zip(before, after, strict=True))
        for before, after in pairwise(around)
    ]
    sent = ROUNDS * faces_a_round
    cpu_ms = cpu_s / sent * 1000
    return {
        "server.bare_ort_per_s": round(statistics.median(ort for ort, _ in beside), 1),
        "server.bare_recogniser_per_s": round(statistics.median(own for _, own in beside), 1),
        "server.client_cpu_ms_per_face": round(mine_s / sent * 1000, 2),
        "server.cpu_ms_per_face": round(cpu_ms, 2),
        "server.own_cpu_ms_per_face": round(cpu_ms - statistics.mean(own.cpu_ms for _, own in around), 2),
        "server.faces_per_s": round(statistics.median(rates), 1),
        "server.rss_mb": round(memory, 1),
        "server.speedup_over_bare_ort": _ratio(rates, [ort for ort, _ in beside]),
        "server.throughput_ratio": _ratio(rates, [own for _, own in beside]),
    }


def _ratio(rates: Sequence[float], beside: Sequence[float]) -> float:
    return round(statistics.median(rate / bare for rate, bare in zip(rates, beside, strict=True)), 3)


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    print(measure(*sys.argv[1:2]))
