"""Three server processes on one PostgreSQL: one is stopped, one is killed, and the chores go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.demo.programs import wait_until
from deploy.demo.stack import Stack, StackConfig, Transport
from tests.support.tools.packs import light_pack
from tests.support.tools.postgres import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_programs")]

WAIT_S = 60.0
NAMES = ("one", "two", "three")


@pytest.fixture
def servers(tmp_path: Path, postgres: str) -> Iterator[list[Stack]]:
    """The running servers."""
    with fresh_database(postgres) as address, ExitStack() as running:
        settings: dict[str, int | float | str] = {
            "database_url": address,
            "master_key_from": f"file:{tmp_path / 'master.key'}",
            "threads": 1,
            "inference": "onnxruntime",
        }
        yield [
            running.enter_context(
                Stack(
                    StackConfig(
                        tmp_path / name,
                        light_pack().parent,
                        (),
                        "batam-center",
                        "light",
                        Transport.PLAINTEXT,
                        settings | {"server_name": name},
                    )
                )
            )
            for name in NAMES
        ]


def has_chores(server: Stack) -> bool:
    """Whether it has begun them, and not lost them since, by its log."""
    said = [line for line in server.server.log_file.read_text().splitlines() if '"leader_lease_' in line]
    return bool(said) and '"leader_lease_taken"' in said[-1]


def takes_over(servers: list[Stack]) -> Stack:
    """Wait until one of the servers does the chores, say how long that took, and return it."""
    began = time.monotonic()
    wait_until(
        lambda: any(map(has_chores, servers)), WAIT_S, "Taking over the chores", *(one.server for one in servers)
    )
    print(f"taken over after {time.monotonic() - began:.1f} s")  # noqa: T201
    (taker,) = filter(has_chores, servers)
    return taker


def test_the_chores_of_a_stopped_and_of_a_killed_server_are_taken_over(servers: list[Stack]) -> None:
    first = takes_over(servers)
    others = [one for one in servers if one is not first]

    os.kill(first.server.pid, signal.SIGSTOP)
    try:
        second = takes_over(others)
    finally:
        os.kill(first.server.pid, signal.SIGCONT)
    wait_until(lambda: not has_chores(first), WAIT_S, "Noticing that they are another's", first.server)

    second.server.kill()
    third = takes_over([one for one in servers if one is not second])
    wait_until(
        lambda: [one.alive for one in third.status().servers] == [True, True, False],
        WAIT_S,
        "Telling of the server that died",
        third.server,
    )
