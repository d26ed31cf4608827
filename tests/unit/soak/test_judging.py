"""The soak's judge finds nothing in a server that stays as it is, and each thing that may grow in one that does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.judging import failures, figures, grown_kinds, quarters
from benchmarks.soak.minutes import Delays, Minute, Pace, Used, read, write

MINUTES = 40
USED = Used(500.0, 600.0, 450.0, 80, 40, 1)
FILES = {
    "alerts": 1_000_000,
    "audit": 500_000,
    "table subject": 9_000_000,
    "cekalwatch.sqlite3-wal": 4_000_000,
    "log": 0,
}


def soaked(change: Callable[[int, Minute], Minute] = lambda _, one: one) -> list[Minute]:
    """Forty minutes of a server of which nothing grows, each as `change` has it, by its number from 1."""
    return [change(number, _minute(number)) for number in range(1, MINUTES + 1)]


def _minute(number: int) -> Minute:
    # A cold start, after which memory stays as it is; records grow with what happens.
    used = replace(USED, pss_mb=USED.pss_mb - max(0, 10 - number) * 20)
    files = FILES | {"alerts": 1_000_000 + number * 200_000, "audit": 500_000 + number * 50_000, "log": number * 9_000}
    delays = Delays(200, 505.0, 520.0), Delays(30, 40.0, 90.0)
    programs, pace = {"server": used, "pc": USED}, Pace(Delays(59, 0.9, 1.4), Delays(59, 0.5, 3.0))
    return Minute(number * 60.0, number * 60, number * 6, number * 5, programs, files, *delays, 0.2, 0.0, pace)


def server(one: Minute, **changed: Any) -> Minute:
    return replace(one, programs={**one.programs, "server": replace(one.programs["server"], **changed)})


def on_disk(one: Minute, more: Mapping[str, int]) -> Minute:
    return replace(one, files={**one.files, **{kind: one.files.get(kind, 0) + size for kind, size in more.items()}})


def late(one: Minute, p95_ms: float) -> Minute:
    return replace(one, receipts=replace(one.receipts, p95_ms=p95_ms))


def on_a_machine(one: Minute, slower: float) -> Minute:
    pace = Pace(*(replace(kind, p50_ms=kind.p50_ms * slower) for kind in (one.pace.loops, one.pace.writes)))
    return replace(one, pace=pace)


def problems(minutes: Sequence[Minute]) -> str:
    return "; ".join(failures(figures(minutes)))


def test_nothing_grows() -> None:
    found = figures(soaked())
    assert failures(found) == []
    assert found["soak.growth"] == 0
    assert found["soak.file_growth_kb_per_1000_passages"] == 0
    assert found["soak.p95_drift"] == 0
    assert grown_kinds(soaked()) == {}


def test_what_the_rules_let_grow_is_told_apart() -> None:
    found = figures(soaked())
    # 250 kB more each 60 passages.
    assert found["soak.record_growth_kb_per_1000_passages"] == pytest.approx(250 / 60 * 1000, rel=0.01)
    assert found["soak.log_kb_per_1000_passages"] == pytest.approx(150, rel=0.01)


def test_memory_that_grows_without_end_is_found() -> None:
    grown = soaked(lambda number, one: server(one, pss_mb=500.0 + number))
    assert figures(grown)["soak.growth"] == pytest.approx(0.039, abs=0.002)
    assert problems(grown).startswith("soak.growth is 0.0")


def test_memory_of_the_warm_up_does_not_count() -> None:
    # Of ten minutes, half of the memory; then all of it.
    assert not problems(soaked(lambda number, one: server(one, pss_mb=250.0 if number <= 10 else 500.0)))


def test_one_minutes_peak_is_no_growth() -> None:
    assert not problems(soaked(lambda number, one: server(one, pss_mb=900.0) if number == 35 else one))


@pytest.mark.parametrize("kind", ["table person_session", "cekalwatch.sqlite3-wal", "free pages", "spare/file"])
def test_each_kind_of_file_that_grows_is_found(kind: str) -> None:
    grown = soaked(lambda number, one: on_disk(one, {kind: number * 40_960}))
    assert "soak.file_growth_kb_per_1000_passages" in problems(grown)
    assert list(grown_kinds(grown)) == [kind]


def test_a_page_now_and_then_is_no_growth() -> None:
    assert not problems(soaked(lambda number, one: on_disk(one, {"table score_count": number // 20 * 4_096})))


def test_descriptors_and_threads_that_stay_behind_are_found() -> None:
    assert "soak.more_descriptors" in problems(soaked(lambda number, one: server(one, descriptors=80 + number)))
    assert "soak.more_threads" in problems(soaked(lambda number, one: server(one, threads=40 + number // 4)))


def test_a_server_that_gets_slower_is_found_on_a_machine_of_its_own() -> None:
    slower = soaked(lambda number, one: late(one, 520.0 + 10 * number))
    assert "soak.p95_drift" in problems(slower)
    # Beside others nobody can say whose fault it is.
    assert not problems([replace(one, others_cores=1.0) for one in slower])


def test_a_machine_that_gets_slower_is_told_from_a_server_that_does() -> None:
    def minute(number: int, one: Minute, server_too: bool) -> Minute:
        slow = number > 20 and number % 2 == 0
        return on_a_machine(late(one, 800.0 if slow or (number > 30 and server_too) else 520.0), 1.6 if slow else 1.0)

    assert not problems(soaked(lambda number, one: minute(number, one, server_too=False)))
    # In those minutes of the last quarter in which the machine is as it was.
    assert "soak.p95_drift_same_pace is 0.5" in problems(
        soaked(lambda number, one: minute(number, one, server_too=True))
    )


def test_what_the_server_does_for_the_same_passages_is_told_by_the_machines_pace() -> None:
    slower = soaked(lambda number, one: on_a_machine(replace(one, server_cores=0.32), 1.6) if number > 20 else one)
    assert figures(slower)["soak.work_drift"] == 0
    busier = soaked(lambda number, one: replace(one, server_cores=0.3) if number > 20 else one)
    assert figures(busier)["soak.work_drift"] == 0.5


def test_a_machine_that_is_slower_to_the_end_says_nothing_of_the_server() -> None:
    slower = soaked(lambda number, one: on_a_machine(late(one, 800.0), 1.6) if number > 20 else one)
    assert not problems(slower)
    assert figures(slower)["soak.p95_drift"] > 0.5
    assert "soak.p95_drift_same_pace" not in figures(slower)


def test_the_journal_may_be_of_any_size_up_to_its_largest() -> None:
    def minute(number: int, one: Minute) -> Minute:
        # Seldom large in the second quarter, mostly in the last one.
        large = number % 5 == 0 if number <= 20 else number % 5
        return on_disk(one, {"cekalwatch.sqlite3-wal": 3_700_000 * bool(large)})

    assert grown_kinds(soaked(minute)) == {}
    larger = soaked(lambda number, one: on_disk(minute(number, one), {"cekalwatch.sqlite3-wal": number * 80_000}))
    assert list(grown_kinds(larger)) == ["cekalwatch.sqlite3-wal"]


def test_minutes_without_alerts_have_no_delays() -> None:
    quiet = soaked(lambda number, one: replace(one, events=Delays.of([])) if number % 2 else one)
    assert figures(quiet)["soak.p95_drift"] == 0


def test_percentiles() -> None:
    assert Delays.of([float(number) for number in range(100)]) == Delays(100, 50.0, 95.0)


def test_too_few_minutes_say_nothing() -> None:
    with pytest.raises(ValueError, match="7 minutes; 8 are needed"):
        figures(soaked()[:7])


def test_quarters_are_those_of_the_time() -> None:
    second, last = quarters(soaked())
    assert [round(part[0].at_s / 60) for part in (second, last)] == [11, 31]
    assert len(second) == len(last) == 10


def test_minutes_are_kept_in_a_file(tmp_path: Path) -> None:
    for one in soaked():
        write(one, tmp_path / "minutes.jsonl")
    assert read(tmp_path / "minutes.jsonl") == soaked()
