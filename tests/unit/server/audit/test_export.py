"""What an auditor gets: everything that is needed to compute the hashes, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from zoneinfo import ZoneInfo

import pytest

from cekalwatch.contract.values.audit import ExportFormat
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import GENESIS, chain_hash, link
from cekalwatch.server.audit.export import written
from cekalwatch.server.cli.audit import span
from tests.support.builders.audit import chain, entry

WIB = ZoneInfo("Asia/Jakarta")


def test_json_lines_hold_what_the_hash_is_made_of():
    lines = list(written(chain(3), ExportFormat.JSONL))
    documents = [json.loads(line) for line in lines]
    assert [document["sequence"] for document in documents] == [1, 2, 3]
    assert documents[0]["objects"] == ["subject:S-1"]
    one = documents[1]
    texts = [one["at"], one["actor"], one["action"], compact(one["objects"]), one["outcome"], compact(one["details"])]
    assert chain_hash(documents[0]["hash"], texts) == one["hash"]


def compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_csv_begins_a_formula(start: str):
    evil = link(entry(outcome=f"{start}HYPERLINK(1)"), 1, GENESIS)._replace(actor=f"{start}cmd", details=f"{start}1")
    text = "".join(written([evil], ExportFormat.CSV)).removeprefix("\ufeff")
    header, row = csv.reader(io.StringIO(text, newline=""))
    cells = dict(zip(header, row, strict=True))
    assert cells["outcome"] == f"'{start}HYPERLINK(1)"
    assert (cells["actor"], cells["details"]) == (f"'{start}cmd", f"'{start}1")
    assert cells["sequence"] == "1"


def test_a_damaged_entry_is_exported_as_it_is():
    damaged = chain(1)[0]._replace(details="{no json")
    assert json.loads(next(written([damaged], ExportFormat.JSONL)))["details"] == "{no json"


def test_days_are_whole_days_of_the_place():
    assert span("2026-03-01", "2026-03-31", WIB) == ("2026-02-28T17:00:00.000000Z", "2026-03-31T17:00:00.000000Z")
    assert span("2026-03-01T06:00", "2026-03-01T06:00:00.5+00:00", WIB) == (
        "2026-02-28T23:00:00.000000Z",
        "2026-03-01T06:00:00.500000Z",
    )
    assert span("", "", WIB) == ("", "")
    assert span("2026-03-01", "2026-03-01", WIB)[1] == "2026-03-01T17:00:00.000000Z"


@pytest.mark.parametrize(("since", "until"), [("yesterday", ""), ("2026-03-02", "2026-03-01"), ("", "2026-02-30")])
def test_a_span_that_makes_no_sense_is_refused(since: str, until: str):
    with pytest.raises(ProgramError):
        span(since, until, WIB)
