"""What machines a port needs, by the unit costs of docs/scaling.md. It is arithmetic: nothing is measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass

CAMERA_CORES = 0.33
CAMERA_MB = 104
CROPS_A_PASSAGE = 7
PASSAGE_KB = 29
FACE_MS = 4.2
"""Processor time of a face at the server, 10,000 listed."""
SEARCH_MS_A_MILLION = 32
"""A search among a million templates; it grows with the list, and one thread of a server decides."""
SERVER_MB = 577
"""A running server, 10,000 listed."""
LISTED = 10_000
"""How many were listed where a face and a server were measured."""
ROW_KB = 0.3
"""Memory of a row of the list."""
STREAM_MB = 0.05
PC_MB = 0.15
STORED_ROW_KB = 2.2
ALERT_KB = 45
"""An alert on the disk with the audit trail of six PCs that view it."""
HOST_CORES = 6
"""Cores of the recommended capture host."""
BUSY = 0.7
"""Share of its cores that a machine is planned for."""
DECIDING_BUSY = 0.5
"""Share of its time that the deciding thread is planned for, since bursts come at once."""
LEAST_SERVER = (2, 4)
"""Cores, and gigabytes of memory."""


@dataclass(frozen=True)
class PlannedPort:
    """What a port has. Raises ValueError when a number is out of its range."""

    cameras: int
    listed: int
    passages_a_day: int
    burst_a_minute: int
    """Passages a minute at the peak."""
    pcs: int
    photograph_kb: float = 57
    target_fpir: float = 1e-4
    alert_days: int = 730
    """How long the record of an alert is kept."""

    def __post_init__(self) -> None:
        if min(self.cameras, self.listed, self.pcs) < 1 or min(self.passages_a_day, self.burst_a_minute) < 1:
            raise ValueError("cameras, list, passages, burst and PCs are at least 1")
        if self.burst_a_minute > self.passages_a_day:
            raise ValueError("no minute has more passages than a day")


@dataclass(frozen=True)
class Needs:
    """What that takes."""

    host_cores: float
    host_gb: float
    hosts: int
    """Capture hosts of `HOST_CORES` cores."""
    faces_a_second: float
    """At the peak."""
    server_cores: float
    """For faces at the peak."""
    server_gb: float
    servers: int
    """Servers of two cores and more on one database; one decides alone."""
    cores_a_server: int
    list_gb: float
    alerts_gb: float
    """False alerts until their records are removed."""
    false_alerts_a_day: float
    line_mbit: float
    """Of all cameras to the server at the peak."""


def needs(port: PlannedPort) -> Needs:
    """Return what a port needs."""
    faces = port.burst_a_minute * CROPS_A_PASSAGE / 60
    search_ms = port.listed * SEARCH_MS_A_MILLION / 1_000_000
    more_ms = max(0.0, search_ms - LISTED * SEARCH_MS_A_MILLION / 1_000_000)
    cores = faces * (FACE_MS + more_ms) / 1000
    servers = max(1, math.ceil(faces * search_ms / 1000 / DECIDING_BUSY))
    host_cores = port.cameras * CAMERA_CORES
    memory_mb = SERVER_MB + max(0, port.listed - LISTED) * ROW_KB / 1000 + port.cameras * STREAM_MB + port.pcs * PC_MB
    false_alerts = port.passages_a_day * port.target_fpir
    return Needs(
        host_cores,
        port.cameras * CAMERA_MB / 1000,
        math.ceil(host_cores / (HOST_CORES * BUSY)),
        faces,
        cores,
        memory_mb / 1000,
        servers,
        max(LEAST_SERVER[0], math.ceil(cores / servers / BUSY)),
        port.listed * (STORED_ROW_KB + port.photograph_kb) / 1e6,
        false_alerts * port.alert_days * ALERT_KB / 1e6,
        false_alerts,
        port.burst_a_minute * PASSAGE_KB * 8 / 60 / 1000,
    )
