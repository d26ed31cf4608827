"""What a port that follows its list costs the centre: its idle stream, a subject that it reads, a photograph.

    python -m benchmarks.ports.feed_costs

A server process in plaintext with a list of 5,000, of whom 200 have a photograph with its template; this process plays
the ports. Processor time is the server's; bytes are those of the messages.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import grpc
import psutil
import uuid6
from sqlmodel import select

from benchmarks.recognition.gallery import fill
from benchmarks.security.receipts import OWN_CONNECTION
from benchmarks.soak.sampling import DATABASE
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.storage.watchlist.tables import SubjectRow
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from deploy.demo.stack import Stack, StackConfig, Transport
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import subject
from tests.support.scenarios.server import engine, jpeg, order_in_force
from tests.support.tools.packs import light_pack

SUBJECTS: Final = 5_000
PHOTOGRAPHS: Final = 200
STREAMS: Final = 500
IDLE_S: Final = 30.0


def measure() -> dict[str, float]:
    """Return the figures `port.feed_…`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder / "server", SUBJECTS, engine().recogniser.model_version, DATABASE)
        keys = _with_photographs(folder / "server")
        config = StackConfig(
            folder,
            light_pack().parent,
            model_pack="light",
            transport=Transport.PLAINTEXT,
            settings={"connections_per_address": 2 * STREAMS, "threads": 1},
        )
        with Stack(config) as stack:
            process = psutil.Process(stack.server.pid)
            return asyncio.run(_read(stack, process, keys)) | asyncio.run(_idle(stack, process))


def _with_photographs(data_dir: Path) -> list[str]:
    """Add people with a photograph; return their keys."""
    database = Database(f"sqlite:///{data_dir / DATABASE}")
    keys = KeyStore.open(database, KeyFile(data_dir / "master.key"), SystemClock(), operator())
    photo = jpeg(astronaut(), 95)
    enrolled = Enroller(engine().detector, engine().recogniser).enrol(photo)
    reference = NewReference.of(enrolled, photo, engine().recogniser.model_version, enrolled.template)
    _announce(database)
    store = WatchlistStore(database, keys.keyring)
    made = [f"P-{number}" for number in range(PHOTOGRAPHS)]
    for key in made:
        store.put(subject(key), order_in_force(order_id=f"O-{key}", subject_id=key), [reference])
    database.close()
    return made


def _announce(database: Database) -> None:
    """Have the rows that `fill` wrote past the store in the log of changes, which ports read."""
    with database.session() as session:
        lock_watchlist(session)
        count_change(session, session.exec(select(SubjectRow.subject_id)).all())
        session.commit()


def _port(number: int) -> pb.PortServer:
    model = engine().recogniser.model_version
    return pb.PortServer(sites=[f"port-{number}"], run_id=str(uuid6.uuid7()), model_version=model)


async def _read(stack: Stack, process: psutil.Process, keys: list[str]) -> dict[str, float]:
    port, position, size, references = _port(0), "", 0, dict[str, list[str]]()
    async with grpc.aio.insecure_channel(stack.address, options=OWN_CONNECTION) as channel:
        stub: Any = ListFeedServiceStub(channel)
        used, more, read = _spent(process), True, 0
        while more:
            page = await stub.ReadList(pb.ReadListRequest(port=port, position=position))
            position, more, read, size = page.position, page.more, read + len(page.subjects), size + page.ByteSize()
            references |= {one.subject_id: [it.reference_id for it in one.references] for one in page.subjects}
        if read != SUBJECTS + PHOTOGRAPHS:
            raise RuntimeError(f"{read} subjects were given")
        row_cpu_ms = (_spent(process) - used) * 1000 / read
        used, photographs = _spent(process), 0
        for key in keys:
            request = pb.FetchReferencesRequest(port=port, subject_id=key, reference_ids=references[key])
            async for piece in stub.FetchReferences(request):
                photographs += piece.ByteSize()
        photo_cpu_ms = (_spent(process) - used) * 1000 / len(keys)
    return {
        "port.feed_subject_cpu_ms": round(row_cpu_ms, 3),
        "port.feed_subject_bytes": round(size / read),
        "port.feed_photograph_cpu_ms": round(photo_cpu_ms, 2),
        "port.feed_photograph_bytes": round(photographs / len(keys)),
    }


async def _idle(stack: Stack, process: psutil.Process) -> dict[str, float]:
    """Let as many ports follow, and nothing change."""
    memory = process.memory_info().rss
    async with AsyncExitStack() as streams:
        calls = []
        for number in range(STREAMS):
            channel = await streams.enter_async_context(
                grpc.aio.insecure_channel(stack.address, options=OWN_CONNECTION)
            )
            stub: Any = ListFeedServiceStub(channel)
            call = stub.FollowList(pb.FollowListRequest(port=_port(number)))
            await call.read()
            calls.append(call)

        async def listen(call: Any) -> None:  # noqa: ANN401  # grpc's calls have no public type
            while await call.read() is not grpc.aio.EOF:
                continue

        listening = [asyncio.create_task(listen(call)) for call in calls]
        used, begun = _spent(process), time.perf_counter()
        await asyncio.sleep(IDLE_S)
        cores = (_spent(process) - used) / (time.perf_counter() - begun)
        grown = (process.memory_info().rss - memory) / 1e6
        for task in listening:
            task.cancel()
    return {"port.feed_500_idle_cores": round(cores, 3), "port.feed_500_idle_mb": round(grown, 1)}


def _spent(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


if __name__ == "__main__":
    print(measure())
