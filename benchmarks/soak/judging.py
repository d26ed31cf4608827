"""Judges the minutes of a soak: has anything grown that must not, and did it stay as quick?

    python -m benchmarks.soak.judging MINUTES.jsonl

also of a run that goes on. The first quarter is warm-up; the last one is held against the second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
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
MAX_PACE_DRIFT = 0.1
"""Of what the machine itself takes for the same work. More than that, and all minutes of a quarter cannot be held
against those of the other; those in which it was as quick can."""
SAME_PACE_WITHIN = 0.2
SAME_PACE_MINUTES = 5
"""Minimum number of each quarter."""

RECORDS = frozenset({"alerts", "audit", "runs", "seen_versions.json"})
"""Kinds of bytes that the rules let grow (domain rules 8 to 10): what happened is kept for months or years. The file of
seen versions has a line for each alert that was changed."""
JOURNAL = "cekalwatch.sqlite3-wal"
"""It grows to some 4 MB, begins anew, and is at any size between when it is looked at: its largest one counts, where
that has grown by more than JOURNAL_VARIES."""
JOURNAL_VARIES = 0.1
LOG = "log"
"""What the server says; journald bounds it."""


_receipts, _events, _loops, _writes = (attrgetter(kind) for kind in ("receipts", "events", "pace.loops", "pace.writes"))


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
        "soak.file_growth_kb_per_1000_passages": round(sum(grown_kinds(minutes).values()) / passages, 1),
        "soak.record_growth_kb_per_1000_passages": kb_per_1000(
            lambda one: sum(size for kind, size in one.files.items() if kind in RECORDS)
        ),
        "soak.log_kb_per_1000_passages": kb_per_1000(lambda one: one.files.get(LOG, 0)),
        "soak.p95_drift": _p95_drift(second, last),
        "soak.work_drift": round(at(last, _work) / at(second, _work) - 1, 4),
        "soak.pace_drift": max(_drift(second, last, kind) for kind in (_loops, _writes)),
        "soak.receipt_p95_ms": at(last, lambda one: one.receipts.p95_ms),
        "soak.event_p95_ms": at(last, lambda one: one.events.p95_ms),
        "soak.server_cores": at(last, lambda one: one.server_cores),
        "soak.others_cores": max(at(part, lambda one: one.others_cores) for part in (second, last)),
    }
    alike = [_at_pace_of(second, part) for part in (second, last)]
    if min(len(part) for part in alike) >= SAME_PACE_MINUTES:
        found["soak.p95_drift_same_pace"] = _p95_drift(*alike)
        found["soak.same_pace_minutes"] = min(len(part) for part in alike)
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
    drifts = {"soak.p95_drift"} if found["soak.pace_drift"] <= MAX_PACE_DRIFT else set()
    judged = sorted(found.keys() & (drifts | {"soak.p95_drift_same_pace"})) if is_quiet(found) else []
    wrong += [f"{name} is {found[name]:g}, more than {MAX_DRIFT:g}" for name in judged if found[name] > MAX_DRIFT]
    return wrong


def is_quiet(found: Mapping[str, float]) -> bool:
    """Whether the machine was the soak's own, so that its delays are the server's."""
    return found["soak.others_cores"] <= MAX_OTHERS_CORES


def grown_kinds(minutes: Sequence[Minute]) -> dict[str, int]:
    """Return by how many bytes each kind that must not grow has grown from the second to the last quarter."""
    second, last = quarters(minutes)
    grown = {}
    for kind in sorted({kind for one in minutes for kind in one.files} - RECORDS - {LOG}):
        size_of = max if kind == JOURNAL else median
        before, after = (size_of([one.files.get(kind, 0) for one in part]) for part in (second, last))
        varies = before * JOURNAL_VARIES if kind == JOURNAL else 0
        if abs(more := round(after - before)) > varies:
            grown[kind] = more
    return grown


def _work(one: Minute) -> float:
    """Return the server's processor time in pieces of work that take the machine as long as it does in that minute."""
    return one.server_cores / one.pace.loops.p50_ms


def _p95_drift(before: Sequence[Minute], after: Sequence[Minute]) -> float:
    return max(_drift(before, after, kind, "p95_ms") for kind in (_receipts, _events))


def _drift(
    before: Sequence[Minute], after: Sequence[Minute], kind: Callable[[Minute], Delays], percentile: str = "p50_ms"
) -> float:
    """Return by what share a delay of the median minute, of those that have any, got later; below 0: earlier."""
    then, now = (_median_delay(part, kind, percentile) for part in (before, after))
    return round(now / then - 1, 4) if then and now else 0.0


def _median_delay(part: Sequence[Minute], kind: Callable[[Minute], Delays], percentile: str) -> float:
    delays: list[float] = [getattr(kind(one), percentile) for one in part if kind(one).count]
    return median(delays or [0.0])


def _at_pace_of(reference: Sequence[Minute], minutes: Sequence[Minute]) -> list[Minute]:
    """Return the minutes in which the machine was about as quick as in the median minute of `reference`."""
    wanted = [(kind, _median_delay(reference, kind, "p50_ms")) for kind in (_loops, _writes)]
    return [
        one
        for one in minutes
        if all(abs(kind(one).p50_ms - usual_ms) <= SAME_PACE_WITHIN * usual_ms for kind, usual_ms in wanted)
    ]


def report(minutes: Sequence[Minute]) -> list[str]:
    """Print the figures and what they say; return what is wrong."""
    found = figures(minutes)
    print(json.dumps(found, indent=2))
    print("bytes more, of what must not grow:", grown_kinds(minutes))
    if not is_quiet(found):
        print("Others used the machine: its delays, and soak.p95_drift, say nothing.")
    if found["soak.pace_drift"] > MAX_PACE_DRIFT:
        print("The machine itself got slower: soak.p95_drift says nothing, soak.p95_drift_same_pace does.")
    wrong = failures(found)
    print("\n".join(wrong) if wrong else "Nothing has grown.")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(report(read(Path(sys.argv[1])))))
