"""What is looked at each minute of the soak, and the file that keeps it: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Used:
    """What a program has, the processes that it started included."""

    pss_mb: float
    """Memory of its own, and its share of what it has in common with others."""
    rss_mb: float
    uss_mb: float
    """Memory that no other process shares."""
    descriptors: int
    threads: int
    processes: int


@dataclass(frozen=True)
class Delays:
    """Delays that ended within a minute, milliseconds; 0 when there were none."""

    count: int
    p50_ms: float
    p95_ms: float

    @classmethod
    def of(cls, delays_ms: Sequence[float]) -> Delays:
        """Count them."""
        if not delays_ms:
            return cls(0, 0.0, 0.0)
        ordered = sorted(delays_ms)
        p50, p95 = (round(ordered[int(part * len(ordered))], 1) for part in (0.5, 0.95))
        return cls(len(ordered), p50, p95)


@dataclass(frozen=True)
class Pace:
    """How quick the machine itself was within a minute; see `pace.py`."""

    loops: Delays
    """A fixed piece of work."""
    writes: Delays
    """A page that is written to the disk, with `fsync`."""


@dataclass(frozen=True)
class Minute:
    """A minute of the soak."""

    at_s: float
    """Its end, since people began to arrive."""
    passages: int
    """So far, as is what follows."""
    listed_passages: int
    alerts: int
    programs: Mapping[str, Used]
    files: Mapping[str, int]
    """Bytes on the server's disk now, by kind."""
    receipts: Delays
    """From a crop at its camera to its receipt; the server holds each back for `receipt_delay_seconds`."""
    events: Delays
    """From an alert's raising to its line on a PC."""
    server_cores: float
    """Processor time of the server, seconds a second."""
    others_cores: float
    """The same of all that does not belong to the soak."""
    pace: Pace


def write(minute: Minute, file: Path) -> None:
    """Add a minute."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(minute)) + "\n")


def read(file: Path) -> list[Minute]:
    """Return all minutes; raises FileNotFoundError."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        programs = {name: Used(**used) for name, used in fields.pop("programs").items()}
        receipts, events = (Delays(**fields.pop(name)) for name in ("receipts", "events"))
        pace = Pace(**{name: Delays(**seen) for name, seen in fields.pop("pace").items()})
        found.append(Minute(programs=programs, receipts=receipts, events=events, pace=pace, **fields))
    return found
