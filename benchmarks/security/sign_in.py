"""How long a person waits at sign-in, from the password to the token, over mutual TLS.

    python -m benchmarks.security.sign_in

Four people sign in one after another at an idle server and at one that cameras keep busy, and once all at the same
moment. On a busy machine the server's processor time says more than the wait.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.recognition.server_throughput import PACK, STREAMS, THREADS, WARM_UP, captures, dialers, load
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.office.officers import add_officer
from deploy.demo.programs import answer_prompts
from deploy.demo.stack import CameraPlan, Stack, StackConfig

PEOPLE = 4
ROUNDS = 5
FACES = 2_000
"""More than are sent until the last sign-in."""


def measure() -> dict[str, float]:
    """Return seconds: on an idle server, the slowest of all while it recognises, and of four at once."""
    limit_native_threads(1)
    faces = captures(open_engine(load_pack(PACK), threads=1))
    cameras = tuple(CameraPlan(f"camera-{number}", f"C{number}") for number in range(STREAMS))
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as running:
        config = StackConfig(Path(temporary), PACK.parent, cameras, settings={"threads": THREADS})
        stack = running.enter_context(Stack(config))
        people = {f"officer-{number}": _hired(stack, f"officer-{number}") for number in range(PEOPLE)}
        desk = running.enter_context(stack.dialer(DeviceRole.NOTIFIER, "pc-1").channel())
        stub = SessionServiceStub(desk)

        def sign_in(name: str) -> float:
            request = messages.SignInRequest(password=messages.PasswordProof(sign_in_name=name, password=people[name]))
            begun = time.perf_counter()
            stub.SignIn(request)
            return time.perf_counter() - begun

        async def all_at_once() -> list[float]:
            return await asyncio.gather(*(asyncio.to_thread(sign_in, name) for name in people))

        server = psutil.Process(stack.server.pid)
        before = sum(server.cpu_times()[:2])
        idle = [sign_in(name) for _ in range(ROUNDS) for name in people]
        cpu_s = (sum(server.cpu_times()[:2]) - before) / len(idle)
        together = asyncio.run(all_at_once())

        async def while_busy() -> list[float]:
            await load(dialers(stack), faces, WARM_UP)
            work = asyncio.create_task(load(dialers(stack), faces, FACES))
            found = [await asyncio.to_thread(sign_in, name) for _ in range(ROUNDS) for name in people]
            if work.done():
                raise RuntimeError("the faces ran out before the last sign-in; raise FACES")
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return found

        busy = asyncio.run(while_busy())
    return {
        "security.sign_in_cpu_s": round(cpu_s, 3),
        "security.sign_in_idle_s": round(statistics.median(idle), 3),
        "security.sign_in_s": round(max(busy), 3),
        "security.sign_in_median_s": round(statistics.median(busy), 3),
        "security.sign_in_four_at_once_s": round(max(together), 3),
    }


def _hired(stack: Stack, name: str) -> str:
    """Add an officer, and return the password that took the first one's place."""
    first = add_officer(name, stack.config.site, stack.config_file)
    wanted = secrets.token_urlsafe(16)
    command = ["-m", "cekalwatch.server", "people", "password", name, "--config", str(stack.config_file)]
    answer_prompts("people password", command, (first, wanted, wanted), 60)
    return wanted


if __name__ == "__main__":
    print(measure())
