"""How soon a change of the centre's list is searched at a port that follows it.

    python -m benchmarks.ports.list_delay

A centre and a port with certificates, both in this process. In each round a person with a photograph is added to the
centre's list after a pause of up to 3 s. `port.list_delay_p95_s` is the time from that commit until the port's status
says that it searches one person more.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import subject
from tests.support.scenarios.centre_and_port import Centre, Port, port_running
from tests.support.scenarios.server import engine, jpeg, list_astronaut, order_in_force
from tests.support.scenarios.site_pki import Site

ROUNDS = 40
PAUSE_S = 3.0
LOOK_S = 0.02
WAIT_S = 60.0


def measure() -> dict[str, float]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as temporary:
        centre = Centre(Site(Path(temporary) / "centre"), Path(temporary))
        list_astronaut(centre.settings, order_in_force(order_id="O-0"))
        took = asyncio.run(_rounds(centre))
    cut = statistics.quantiles(took, n=20)
    return {
        "port.list_delay_p50_s": round(statistics.median(took), 2),
        "port.list_delay_p95_s": round(cut[-1], 2),
    }


async def _rounds(centre: Centre) -> list[float]:
    chance, took = random.Random(1), list[float]()  # noqa: S311  # nothing secret
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await _searches(port, 1)
        with centre.opened() as list_:
            for number in range(1, ROUNDS + 1):
                await asyncio.sleep(chance.uniform(0, PAUSE_S))
                key = f"S-{number + 1}"
                order = order_in_force(order_id=f"O-{number}", subject_id=key)
                await asyncio.to_thread(list_.put, subject(key), order, [_reference()])
                begun = time.monotonic()
                await _searches(port, number + 1)
                took.append(time.monotonic() - begun)
    return took


async def _searches(port: Port, people: int) -> None:
    stub: Any = OperationsServiceStub(port.channel)
    async with asyncio.timeout(WAIT_S):
        while (await stub.GetStatus(pb.GetStatusRequest())).gallery.subjects != people:  # noqa: ASYNC110  # a client polls
            await asyncio.sleep(LOOK_S)


def _reference() -> NewReference:
    photo = jpeg(astronaut(), 95)
    enrolment = Enroller(engine().detector, engine().recogniser).enrol(photo)
    return NewReference.of(enrolment, photo, engine().recogniser.model_version, enrolment.template)


if __name__ == "__main__":
    print(measure())
