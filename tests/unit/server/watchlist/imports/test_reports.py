"""Reports: what counts as a problem, the file, and the screen."""

from __future__ import annotations

import csv
import io
import json
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from cekalwatch.contract.values.imports import FieldFault, PhotoReport, RecordReport
from cekalwatch.contract.values.orders import DateDoubt, DateOddity, OrderFlag, OrderRule, OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.watchlist.importing import remarks, show_reports
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.imports.reports import check_report_file, summarise, write_report
from tests.support.builders.watchlist import figures

ENROLLED = PhotoReport("a.jpg", PhotoOutcome.ENROLLED, None, ("BLURRED",), figures(71.4))
NO_FACE = PhotoReport("b.jpg", PhotoOutcome.REFUSED, Code.PHOTO_NO_FACE)
FINE = RecordReport("O-1", "S-1", ImportOutcome.STORED, status=OrderStatus.ACTIVE, photos=(ENROLLED,))
RENEWED = RecordReport(
    "O-6", "S-1", ImportOutcome.STORED, status=OrderStatus.ACTIVE, flags=(OrderFlag.RENEWED_TOO_LONG,)
)
LAPSED = RecordReport("O-2", "S-1", ImportOutcome.UNCHANGED, status=OrderStatus.LAPSED)
FLAGGED = RecordReport(
    "O-3", "S-2", ImportOutcome.STORED, status=OrderStatus.INVALID, broken_rules=(OrderRule.TERM_TOO_LONG,)
)
PHOTO_REFUSED = RecordReport("O-4", "S-3", ImportOutcome.STORED, status=OrderStatus.ACTIVE, photos=(ENROLLED, NO_FACE))
REFUSED = RecordReport.refused("O-5", "S-4", RecordError("valid_from"))
ALL = [FINE, LAPSED, FLAGGED, PHOTO_REFUSED, REFUSED, RENEWED]


def test_a_person_must_look_at_what_was_refused_or_flagged() -> None:
    assert [report.has_problem for report in ALL] == [False, False, True, True, True, False]


def test_the_summary_counts() -> None:
    summary = summarise(ALL)
    assert (summary.records, summary.stored, summary.unchanged, summary.refused, summary.flagged) == (6, 4, 1, 1, 1)
    assert summary.to_check == 1
    assert (summary.photos, summary.photos_enrolled, summary.photos_refused, summary.photos_with_warnings) == (
        3,
        2,
        1,
        2,
    )


def test_the_table_has_a_row_for_each_photograph(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    write_report(file, ALL)
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    assert [(found["order_id"], found["photo"]) for found in rows] == [
        ("O-1", "a.jpg"),
        ("O-2", ""),
        ("O-3", ""),
        ("O-4", "a.jpg"),
        ("O-4", "b.jpg"),
        ("O-5", ""),
        ("O-6", ""),
    ]
    assert (rows[0]["photo_warnings"], rows[0]["eye_distance_px"], rows[0]["status"]) == ("BLURRED", "71", "ACTIVE")
    assert rows[2]["broken_rules"] == "TERM_TOO_LONG"
    assert (rows[6]["status"], rows[6]["flags"], rows[6]["broken_rules"]) == ("ACTIVE", "RENEWED_TOO_LONG", "")
    assert rows[4]["photo_reason"] == "PHOTO_NO_FACE"
    assert (rows[5]["outcome"], rows[5]["reason"], rows[5]["field"]) == ("REFUSED", "RECORD_INVALID", "valid_from")


def test_the_json_has_the_summary_and_all_records(tmp_path: Path) -> None:
    file = tmp_path / "report.JSON"
    write_report(file, ALL)
    document = json.loads(file.read_text())
    assert document["summary"]["refused"] == 1
    assert [record["order_id"] for record in document["records"]] == ["O-1", "O-2", "O-3", "O-4", "O-5", "O-6"]
    assert document["records"][3]["photos"][1] == {
        "name": "b.jpg",
        "outcome": "REFUSED",
        "reason": "PHOTO_NO_FACE",
        "warnings": [],
        "figures": None,
        "iso_29794_5": None,
        "also_under": [],
    }


@pytest.mark.parametrize("name", ["report.csv", "report.json"])
def test_only_the_owner_can_read_a_report_even_where_another_file_was(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("old")
    file.chmod(0o644)
    write_report(file, ALL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["report.txt", "report", "nowhere/report.csv", "folder.csv"])
def test_a_report_that_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ProgramError) as caught:
        check_report_file(tmp_path / name)
    assert caught.value.exit_code is Exit.USAGE


def test_the_screen_shows_problems_first_and_says_what_they_are() -> None:
    console = Console(file=io.StringIO(), width=160)
    show_reports(console, [FINE, REFUSED, FLAGGED, PHOTO_REFUSED, RENEWED])
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("O-5") < text.index("O-6") < text.index("O-1")
    assert "RENEWED_TOO_LONG" in text
    for expected in ("RECORD_INVALID (valid_from)", "breaks TERM_TOO_LONG", "b.jpg: PHOTO_NO_FACE. No face", "BLURRED"):
        assert expected in text
    assert "5 records: 4 stored, 0 unchanged, 1 refused; 1 flagged INVALID, 1 to be looked at." in text


def test_a_refused_field_is_told_with_what_it_may_hold_and_its_place() -> None:
    report = RecordReport.refused("O-1", "S-1", RecordError("sex"), "orders.csv, row 4")
    assert remarks(report) == ["RECORD_INVALID (sex) [orders.csv, row 4]: M, F, X or empty"]


def test_all_wrong_fields_are_told_with_their_values_and_what_would_be_right(tmp_path: Path) -> None:
    error = RecordError("kind")
    error.faults = (FieldFault("kind", "CEKAL"), FieldFault("valid_from", "01/11/2026", ("2026-11-01", "2026-01-11")))
    report = RecordReport.refused("O-1", "S-1", error, "line 2")
    kind, valid_from = remarks(report)
    assert kind == "RECORD_INVALID (kind) [line 2]: 'CEKAL'; must be CEGAH or TANGKAL"
    assert valid_from.startswith("RECORD_INVALID (valid_from) [line 2]: '01/11/2026' can be 2026-11-01 or 2026-01-11:")
    for file in (tmp_path / "report.csv", tmp_path / "report.json"):
        write_report(file, [report, REFUSED])
        written = file.read_text("utf-8")
        for told in ("line 2", "CEKAL", "CEGAH or TANGKAL", "2026-11-01 or 2026-01-11"):
            assert told in written
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text("utf-8-sig"))))
    assert [(row["order_id"], row["field"], row["value"]) for row in rows] == [
        ("O-1", "kind", "CEKAL"),
        ("O-1", "valid_from", "01/11/2026"),
        ("O-5", "valid_from", ""),
    ]


def test_a_date_that_cannot_be_true_is_told_with_what_was_probably_meant(tmp_path: Path) -> None:
    ahead = DateDoubt("decree_date", DateOddity.AFTER, "received_on", "2026-05-20")
    newer = DateDoubt("valid_from", "ONLY_A_NEWER_SERVER_KNOWS")
    report = replace(FINE, flags=(OrderFlag.CHECK_DECREE_DATE,), doubts=(ahead, newer))
    told = ["decree_date lies after received_on: probably 2026-05-20", "valid_from ONLY_A_NEWER_SERVER_KNOWS"]
    assert remarks(report)[:2] == told
    write_report(tmp_path / "report.csv", [report])
    (row,) = csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text("utf-8-sig")))
    assert row["what_is_right"] == "; ".join(told)
    write_report(tmp_path / "report.json", [report])
    (record,) = json.loads((tmp_path / "report.json").read_text())["records"]
    assert record["doubts"][0] == asdict(ahead)


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    console = Console(file=io.StringIO(), width=160)
    show_reports(console, [RecordReport.refused("[red]O-1[/red]", "[/]", RecordError("name"))])
    assert "[red]O-1[/red]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_long_list_is_cut_on_the_screen_and_says_so() -> None:
    console = Console(file=io.StringIO(), width=160)
    show_reports(console, [RecordReport.refused(f"O-{number}", "S", RecordError("name")) for number in range(60)])
    assert "and 10 more" in console.file.getvalue()  # type: ignore[attr-defined]
