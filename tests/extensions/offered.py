"""Prints what the programs offer with some of the installed extensions, as JSON: a server that serves is asked too.

python -m tests.extensions.offered FOLDER [NAME...]
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import grpc

from cekalwatch.program import extensions
from cekalwatch.program.loops import LOOPS

CALLS = ("OperationsService/GetGates", "ShiftService/GetExerciseHours", "OperationsService/GetStatus")


async def serving(folder: Path) -> list[str]:
    """Return the loops of a server, its metrics, and which of `CALLS` it serves."""
    from cekalwatch.server.health.monitoring.collector import METRICS
    from tests.support.scenarios.server import running, settings

    async with running(settings(folder)) as server:
        found = [f"metric {name}" for name in METRICS]
        for name in CALLS:
            try:
                await server.channel.unary_unary(f"/cekalwatch.v1.{name}", bytes, bytes)(b"")
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    continue
            found.append(f"call {name}")
        return found + [f"loop {one.name}" for one in LOOPS.states]


def main(folder: str, *names: str) -> None:
    chosen = [one for one in entry_points(group=extensions.GROUP) if one.name in names]
    setattr(extensions, "entry_points", lambda **_: chosen)  # noqa: B010  # before anything of ours asks for them
    from tests.support.tools.surface import surface

    kinds = surface()
    found = [
        f"{kind} {one}" for kind in ("commands", "settings", "addresses") for one in kinds[kind] if "--" not in one
    ]
    json.dump(sorted({*found, *asyncio.run(serving(Path(folder)))}), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
