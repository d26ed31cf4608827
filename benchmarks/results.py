"""The newest value of each figure, with machine and commit: `benchmarks/results.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self

FILE: Final = Path(__file__).with_name("results.json")
UNITS: Final = (
    (r"_ms(_|$)", "ms"),
    (r"_gb_a_day$", "GB a day"),
    (r"_s_a_day$", "s a day"),
    (r"_per_s(econd)?$|_a_second$", "a second"),
    (r"_cpu_s$", "s of processor time"),
    (r"_kb_per_1000_passages$", "kB per 1,000 passages"),
    (r"_s$|^morning\.seconds$", "s"),
    (r"_mb(_|$)", "MB"),
    (r"_kb$", "kB"),
    (r"_bytes$|bytes_a_passage$|bytes_heartbeat$|bytes_video_a_passage$", "bytes"),
    (r"_cores$|cores_100_cameras$|fanout_cpu$|_(viewers|console)_cpu$|^camera\.cpu_", "cores"),
    (r"^detector\.fps_", "frames a second"),
)
"""The first of these patterns that a figure's name has says its unit."""


@dataclass(frozen=True)
class Figure:
    """One figure, as it was measured last."""

    benchmark: str
    """The module that measures it, as "alerts.paint"."""
    name: str
    value: float
    unit: str = ""
    """Empty for shares, ratios and counts."""
    conditions: str = ""
    """What was not as `make bench` does it; with conditions, a figure stands beside the usual one."""
    wanted: str = ""
    machine: str = ""
    commit: str = ""
    """As git describes it; empty where it was not written down."""
    date: str = ""
    stale_since: str = ""
    """The commit that changed what is measured; empty while the figure says something of the present code."""
    remark: str = ""


def unit_of(name: str) -> str:
    """Return the unit of a figure, as its name says it; empty for shares, ratios and counts."""
    return next((unit for pattern, unit in UNITS if re.search(pattern, name)), "")


@dataclass
class Results:
    """All figures, and the commits since which some of them are stale."""

    figures: list[Figure] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    """What the commits changed that `Figure.stale_since` names."""

    @classmethod
    def read(cls, file: Path = FILE) -> Self:
        """Read the file."""
        held = json.loads(file.read_text("utf-8"))
        return cls([Figure(**figure) for figure in held["figures"]], held["changes"])

    def write(self, file: Path = FILE) -> None:
        """Write the file, a line for each figure, without what is empty."""
        lines = [json.dumps({key: value for key, value in asdict(one).items() if value != ""}) for one in self.figures]
        changes = json.dumps(self.changes, indent=2).replace("\n", "\n  ")
        body = ",\n    ".join(lines)
        file.write_text(f'{{\n  "changes": {changes},\n  "figures": [\n    {body}\n  ]\n}}\n', "utf-8")

    def take(self, benchmark: str, measured: Mapping[str, float], machine: str, commit: str, date: str) -> None:
        """Put in what a benchmark has measured, in place of the former values; all other figures stay as they are."""
        places = {(one.benchmark, one.name): place for place, one in enumerate(self.figures) if not one.conditions}
        for name, value in measured.items():
            now = Figure(benchmark, name, value, unit_of(name), machine=machine, commit=commit, date=date)
            if (place := places.get((benchmark, name))) is not None:
                former = self.figures[place]
                self.figures[place] = replace(now, unit=former.unit, wanted=former.wanted)
            else:
                self.figures.append(now)
