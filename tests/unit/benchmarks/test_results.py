"""The page of measurements is what is written from the results, and a run changes its own figures alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.catalogue import MODULES, ON_REQUEST, method
from benchmarks.page import PAGE, page
from benchmarks.results import Figure, Results, unit_of
from tests.support.repository import ROOT

MIN_METHOD = 100
"""Characters; fewer say nothing of how something is measured."""


def test_the_page_is_what_is_written_from_the_results() -> None:
    assert PAGE.read_text("utf-8") == page(Results.read()), "python -m benchmarks.page writes it anew"


def test_results_that_are_read_and_written_stay_as_they_are(tmp_path: Path) -> None:
    Results.read().write(tmp_path / "results.json")
    assert (tmp_path / "results.json").read_text("utf-8") == (ROOT / "benchmarks" / "results.json").read_text("utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_every_benchmark_says_how_it_measures(module: str) -> None:
    assert len(method(module)) >= MIN_METHOD


def test_every_file_that_measures_is_in_the_catalogue() -> None:
    files = (ROOT / "benchmarks").glob("*/*.py")
    measuring = {f"{one.parent.name}.{one.stem}" for one in files if "\ndef measure(" in one.read_text("utf-8")}
    assert measuring == set(MODULES)
    assert set(MODULES) >= ON_REQUEST


def test_every_figure_belongs_to_a_benchmark_and_says_when_it_was_measured_and_where() -> None:
    results = Results.read()
    for figure in results.figures:
        assert figure.benchmark in MODULES, figure
        assert figure.machine, figure
        assert figure.commit or figure.date, figure
        assert not figure.stale_since or figure.stale_since in results.changes, figure
    keys = [(figure.benchmark, figure.name, figure.conditions) for figure in results.figures]
    assert len(set(keys)) == len(keys)


def test_a_run_changes_the_figures_that_it_measured_and_no_others() -> None:
    paint = Figure(
        "alerts.paint", "alerts.paint_p95_ms", 92.0, "ms", "", "at most 150", "old", "", "2026-11-28", "abc", "?"
    )
    light = Figure("alerts.paint", "alerts.paint_p95_ms", 50.0, "ms", "pack light", "", "old", "", "2026-11-28")
    other = Figure("alerts.start", "alerts.start_s", 1.0, "s", "", "", "old", "", "2026-11-28")
    results = Results([paint, light, other])
    results.take("alerts.paint", {"alerts.paint_p95_ms": 80.0, "alerts.paint_mb": 5.0}, "new", "f00", "2026-12-01")
    now = Figure("alerts.paint", "alerts.paint_p95_ms", 80.0, "ms", "", "at most 150", "new", "f00", "2026-12-01")
    added = Figure("alerts.paint", "alerts.paint_mb", 5.0, "MB", "", "", "new", "f00", "2026-12-01")
    assert results.figures == [now, light, other, added]


def test_figures_taken_together_say_once_where_and_when_and_those_of_which_nothing_is_wanted_have_no_row() -> None:
    plain = Figure("alerts.paint", "y", 9, machine="m", date="2026-12-01")
    stale = Figure(
        "alerts.paint", "x", 1234.5, "ms", wanted="at most 9", machine="m", date="2026-12-01", stale_since="abc"
    )
    light = Figure("alerts.paint", "x", 3, "ms", "pack light", "at most 9", "m", "f00", remark="of ten")
    again = replace(stale, name="z", value=1)
    assert page(Results([plain, stale, again, light])).partition("| --- | --- | --- |\n")[2].splitlines() == [
        "| **paint**: 1 December 2026, before `abc` on A | | |",
        "| `x` | 1,234.5 ms | at most 9 |",
        "| `z` | 1 ms | at most 9 |",
        "| **paint**, pack light: `f00` on A | | |",
        "| `x` | 3 ms (of ten) | at most 9 |",
    ]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("alerts.match_to_paint_p95_ms", "ms"),
        ("cluster.cross_server_p95_ms_unhinted", "ms"),
        ("server.start_cpu_s", "s of processor time"),
        ("port.trail_named_sqlite_gb_a_day", "GB a day"),
        ("alerts.fanout_cpu", "cores"),
        ("camera.bytes_a_passage", "bytes"),
        ("lfw.fnir_at_fpir_1e-2", ""),
    ],
)
def test_the_name_of_a_figure_says_its_unit(name: str, unit: str) -> None:
    assert unit_of(name) == unit
