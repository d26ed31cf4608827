"""Judges the minutes of a soak: has anything grown that must not, and did it stay as quick?

    python -m benchmarks.soak.judging MINUTES.jsonl

also of a run that goes on. The first quarter is warm-up; the last one is held against the second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.soak.minutes import Delays, Minute, read

SERVER = "server"
MIN_MINUTES = 8
"""Two a quarter."""
MAX_GROWTH = 0.03
MAX_FILE_GROWTH_KB = 20.0
"""Each 1,000 passages, of what must not grow: five pages of a database."""
MAX_DRIFT = 0.25
MAX_MORE_DESCRIPTORS, MAX_MORE_THREADS = 5, 2
MAX_OTHERS_CORES = 0.3
"""More than that in either quarter, and delays say something of whoever used the machine."""

RECORDS = frozenset({"alerts", "audit", "runs", "seen_versions.json"})
"""Kinds of bytes that the rules let grow (domain rules 8 to 10): what happened is kept for months or years. The file of
seen versions has a line for each alert that was changed."""
LOG = "log"
"""What the server says; journald bounds it."""


def quarters(minutes: Sequence[Minute]) -> tuple[list[Minute], list[Minute]]:
    """Return the second and the last quarter of the time; raises ValueError when there are too few minutes."""
    if len(minutes) < MIN_MINUTES:
        raise ValueError(f"{len(minutes)} minutes; {MIN_MINUTES} are needed")
    end_s = minutes[-1].at_s
    second = [one for one in minutes if end_s / 4 < one.at_s <= end_s / 2]
    return second, [one for one in minutes if one.at_s > end_s * 3 / 4]


def figures(minutes: Sequence[Minute]) -> dict[str, float]:
    """Return the figures `soak.…`; raises ValueError when there are too few minutes."""
    second, last = quarters(minutes)

    def at(part: Sequence[Minute], figure: Callable[[Minute], float]) -> float:
        return median(figure(one) for one in part)

    def growth(figure: Callable[[Minute], float]) -> float:
        return round(at(last, figure) / at(second, figure) - 1, 4)

    def more(figure: Callable[[Minute], float]) -> float:
        return round(at(last, figure) - at(second, figure), 1)

    def drift(kind: Callable[[Minute], Delays]) -> float:
        p95 = [median([kind(one).p95_ms for one in part if kind(one).count] or [0.0]) for part in (second, last)]
        return round(p95[1] / p95[0] - 1, 4) if all(p95) else 0.0

    passages = more(lambda one: one.passages)

    def kb_per_1000(figure: Callable[[Minute], float]) -> float:
        return round(more(figure) / 1000 / passages * 1000, 1)

    found = {
        "soak.minutes": round(minutes[-1].at_s / 60, 1),
        "soak.passages": minutes[-1].passages,
        "soak.listed_passages": minutes[-1].listed_passages,
        "soak.alerts": minutes[-1].alerts,
        "soak.growth": growth(lambda one: one.programs[SERVER].pss_mb),
        "soak.growth_rss": growth(lambda one: one.programs[SERVER].rss_mb),
        "soak.growth_uss": growth(lambda one: one.programs[SERVER].uss_mb),
        "soak.pss_mb": at(last, lambda one: one.programs[SERVER].pss_mb),
        "soak.more_descriptors": more(lambda one: one.programs[SERVER].descriptors),
        "soak.more_threads": more(lambda one: one.programs[SERVER].threads),
        "soak.file_growth_kb_per_1000_passages": kb_per_1000(lambda one: sum(_must_not_grow(one.files).values())),
        "soak.record_growth_kb_per_1000_passages": kb_per_1000(
            lambda one: sum(size for kind, size in one.files.items() if kind in RECORDS)
        ),
        "soak.log_kb_per_1000_passages": kb_per_1000(lambda one: one.files.get(LOG, 0)),
        "soak.p95_drift": max(drift(lambda one: one.receipts), drift(lambda one: one.events)),
        "soak.receipt_p95_ms": at(last, lambda one: one.receipts.p95_ms),
        "soak.event_p95_ms": at(last, lambda one: one.events.p95_ms),
        "soak.server_cores": at(last, lambda one: one.server_cores),
        "soak.others_cores": max(at(part, lambda one: one.others_cores) for part in (second, last)),
    }
    for name in sorted(minutes[-1].programs.keys() - {SERVER}):
        found[f"soak.growth_of_{name}"] = growth(lambda one, name=name: one.programs[name].pss_mb)  # type: ignore[misc]
    return found


def failures(found: Mapping[str, float]) -> list[str]:
    """Say what is not as it must be."""
    wrong = []
    for name, most in (
        ("soak.growth", MAX_GROWTH),
        ("soak.file_growth_kb_per_1000_passages", MAX_FILE_GROWTH_KB),
        ("soak.more_descriptors", MAX_MORE_DESCRIPTORS),
        ("soak.more_threads", MAX_MORE_THREADS),
    ):
        if found[name] > most:
            wrong.append(f"{name} is {found[name]:g}, more than {most:g}")
    if found["soak.p95_drift"] > MAX_DRIFT and is_quiet(found):
        wrong.append(f"soak.p95_drift is {found['soak.p95_drift']:g}, more than {MAX_DRIFT:g}")
    return wrong


def is_quiet(found: Mapping[str, float]) -> bool:
    """Whether the machine was the soak's own, so that its delays are the server's."""
    return found["soak.others_cores"] <= MAX_OTHERS_CORES


def grown_kinds(minutes: Sequence[Minute]) -> dict[str, int]:
    """Return by how many bytes each kind that must not grow has grown from the second to the last quarter."""
    second, last = quarters(minutes)
    kinds = sorted({kind for one in minutes for kind in _must_not_grow(one.files)})
    grown = {
        kind: round(median(one.files.get(kind, 0) for one in last) - median(one.files.get(kind, 0) for one in second))
        for kind in kinds
    }
    return {kind: size for kind, size in grown.items() if size}


def _must_not_grow(files: Mapping[str, int]) -> dict[str, int]:
    return {kind: size for kind, size in files.items() if kind not in RECORDS and kind != LOG}


def report(minutes: Sequence[Minute]) -> list[str]:
    """Print the figures and what they say; return what is wrong."""
    found = figures(minutes)
    print(json.dumps(found, indent=2))
    print("bytes more, of what must not grow:", grown_kinds(minutes))
    if not is_quiet(found):
        print("Others used the machine: its delays, and soak.p95_drift, say nothing.")
    wrong = failures(found)
    print("\n".join(wrong) if wrong else "Nothing has grown.")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(report(read(Path(sys.argv[1])))))
