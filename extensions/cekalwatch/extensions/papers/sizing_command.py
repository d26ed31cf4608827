"""`cekalwatch-server size`: which machines a port needs, before anything is bought."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError

EPILOG = (
    "Examples:\n\n  cekalwatch-server size --cameras 10 --list 10000\n\n"
    "  cekalwatch-server size --cameras 23 --list 100000 --passages 15000 --burst 60 --pcs 30\n\n"
    "It is calculated from costs that were measured on another machine (docs/scaling.md, with what is unknown)."
)


def size(
    cameras: Annotated[int, typer.Option(min=1, help="Cameras of the port: one above each counter.")],
    listed: Annotated[int, typer.Option("--list", min=1, help="People on the list, with a photograph each.")],
    passages: Annotated[int | None, typer.Option(min=1, help="Passages a day; 650 for each camera by default.")] = None,
    burst: Annotated[
        int | None, typer.Option(min=1, help="Passages a minute at the peak; a 250th of a day's by default.")
    ] = None,
    pcs: Annotated[int | None, typer.Option(min=1, help="Officers' PCs; one for each camera by default.")] = None,
    photograph_kb: Annotated[float, typer.Option(min=1, help="Size of a photograph in kilobytes.")] = 57,
) -> None:
    """Calculate the machines, disks and lines that a port needs."""
    from rich.console import Console

    from cekalwatch.extensions.papers.sizing import HOST_CORES, LEAST_SERVER, PlannedPort, needs
    from cekalwatch.server.cli.output import whole_table

    a_day = passages or cameras * 650
    try:
        port = PlannedPort(
            cameras, listed, a_day, burst or max(1, math.ceil(a_day / 250)), pcs or cameras, photograph_kb
        )
    except ValueError as error:
        raise ProgramError(f"{error}: see cekalwatch-server size --help", Exit.USAGE) from None
    found = needs(port)
    memory_gb = max(LEAST_SERVER[1], math.ceil(found.server_gb * 4))
    disk_gb = max(50, 10 * math.ceil((found.list_gb + found.alerts_gb) * 5 / 10))
    faces = f"{_up(found.server_cores, 2)} cores for {found.faces_a_second:.1f} faces a second at the peak"
    stored = f"list {found.list_gb:.1f} GB and false alerts {found.alerts_gb:.2f} GB on disk"
    host = f"{_up(found.host_cores, 1)} cores, {found.host_gb:.1f} GB"
    line = f"{_up(found.line_mbit, 2)} Mbit/s at the peak"
    server = f"{found.servers} of {found.cores_a_server} cores, {memory_gb} GB, {disk_gb} GB disk"
    rows = [
        ("capture hosts", host, f"{found.hosts} of {HOST_CORES} cores, 4 GB"),
        ("servers", f"{faces}, {found.server_gb:.1f} GB; {stored}", server),
        ("line from the cameras", line, f"{max(1, math.ceil(found.line_mbit * 3))} Mbit/s"),
    ]
    console = Console()
    console.print(whole_table(("machine", "needs", "recommended"), rows))
    console.print(
        f"{port.passages_a_day:,} passages a day, {port.burst_a_minute} a minute at the peak, {port.pcs} PCs. "
        f"About {found.false_alerts_a_day:.1f} false alerts a day."
    )
    if found.servers > 1:
        console.print(
            "One server decides with one thread: several share a PostgreSQL (docs/high-availability.md). "
            "Misses were never measured on a list as long as this."
        )


def _up(value: float, digits: int) -> str:
    """Return a number rounded up, so that no machine is planned too small."""
    return f"{math.ceil(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"
