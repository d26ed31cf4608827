"""The calculator of machines and docs/scaling.md say the same."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cekalwatch.extensions.papers import sizing
from cekalwatch.extensions.papers.sizing import PlannedPort, needs
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text("utf-8")
PORT = PlannedPort(cameras=10, listed=10_000, passages_a_day=6_500, burst_a_minute=26, pcs=10)


@pytest.mark.parametrize(
    ("row", "form", "cost"),
    [
        ("camera, at its capture host", "{} cores", sizing.CAMERA_CORES),
        ("camera, at its capture host", "{} MB;", sizing.CAMERA_MB),
        ("the same camera's stream", "{} MB", sizing.STREAM_MB),
        ("passage", "{} kB", sizing.PASSAGE_KB),
        ("passage", "about {} crops", sizing.CROPS_A_PASSAGE),
        ("face (crop) at the server", "{} ms;", sizing.FACE_MS),
        ("officer's PC", "to {} MB", sizing.PC_MB),
        ("row of the list", "{} kB", sizing.ROW_KB),
        ("row of the list", "{} kB and its photographs", sizing.STORED_ROW_KB),
        ("row of the list", "{} kB for one", PORT.photograph_kb),
        ("running server", "{} MB", sizing.SERVER_MB),
    ],
)
def test_costs_are_those_of_the_page(row: str, form: str, cost: float) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| {row}"))
    assert form.format(f"{cost:g}") in line


def test_costs_that_the_page_has_in_sentences_are_the_same() -> None:
    assert f"takes {sizing.SEARCH_MS_A_MILLION} ms (`gallery.search_1m_128_ms`)" in PAGE
    assert f"an alert is {sizing.ALERT_KB} kB on the disk" in PAGE


def test_one_port_is_calculated_as_on_the_page() -> None:
    told = CliRunner(env={"COLUMNS": "250"}).invoke(app, ["size", "--cameras", "10", "--list", "10000"])
    assert told.exit_code == 0, told.output
    words = re.sub(r"[\s│┃]+", " ", told.stdout)
    (host, server) = re.findall(r"^\| (?:capture host|server) \| (.*?) \|", PAGE, re.MULTILINE)[:2]
    assert host in words
    cores, gigabytes, disk = re.findall(r"[\d.]+", server)
    assert (f"{cores} cores for" in words, f"{gigabytes} GB; list {disk} GB" in words) == (True, True)


def test_more_of_anything_never_needs_less() -> None:
    before = needs(PORT)
    for more in (
        replace(PORT, cameras=100),
        replace(PORT, listed=1_000_000),
        replace(PORT, burst_a_minute=600),
        replace(PORT, pcs=500),
    ):
        after = needs(more)
        assert all(new >= old for new, old in zip(vars(after).values(), vars(before).values(), strict=True))


def test_a_long_list_at_a_busy_place_needs_several_servers() -> None:
    """The page says that one thread is limited to about 300 faces a second with 100,000 listed."""
    busy = PlannedPort(cameras=200, listed=100_000, passages_a_day=500_000, burst_a_minute=2_600, pcs=200)
    assert needs(busy).faces_a_second > 300
    assert needs(busy).servers == 2
    assert needs(replace(busy, burst_a_minute=26)).servers == 1


def test_impossible_numbers_are_told() -> None:
    told = CliRunner().invoke(app, ["size", "--cameras", "1", "--list", "5", "--passages", "10", "--burst", "11"])
    assert isinstance(told.exception, ProgramError)
    assert told.exception.exit_code == Exit.USAGE
