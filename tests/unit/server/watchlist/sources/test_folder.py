"""Reading a watchlist folder: every row becomes a record or a report, and nothing is guessed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.orders import OrderGround, PersonStatus, RevocationGround
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS, ImportRecord, Photograph
from cekalwatch.server.watchlist.sources.files.row_index import RowIndex, RowKeys
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured, SourceUnavailable
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import COLUMNS, WatchlistFolder, row, write_orders


def read(folder: Path) -> list[ImportRecord]:
    """The records of a folder in which every row can be read."""
    opened = WatchlistFolder(folder, WIB)
    assert opened.refused == []
    return list(opened.records())


def refusals(folder: Path) -> list[tuple[str, str]]:
    return [(report.order_id, report.field) for report in WatchlistFolder(folder, WIB).refused]


def raw(folder: Path, text: str) -> Path:
    """Write rows as they are under the usual header."""
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text(",".join(COLUMNS) + "\n" + text, encoding="utf-8")
    return folder


def line(order_id: str, **cells: str) -> str:
    full = row(order_id, **cells)
    return ",".join(full.get(column, "") for column in COLUMNS)


def test_a_row_becomes_a_record(tmp_path: Path) -> None:
    write_orders(
        tmp_path,
        [
            row(
                urgent="ya",
                kind="cegah",
                extends_order_id="O-0",
                revoked_at="2026-02-01",
                aliases="Satu | Si Contoh",
                travel_documents="passport:X0000001:idn|KTP:1",
                sex="f",
                address="Jl. Contoh 1,\nBatam",
                photographs="a.jpg|more/b.png",
            )
        ],
    )
    (tmp_path / "a.jpg").write_bytes(b"A")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.png").write_bytes(b"B")
    (record,) = read(tmp_path)
    assert record.order.urgent
    assert record.order.extends_order_id == "O-0"
    assert record.order.revoked_at == datetime(2026, 1, 31, 17, tzinfo=UTC)
    assert record.subject.aliases == ("Satu", "Si Contoh")
    assert record.subject.travel_documents == (
        TravelDocument("passport", "X0000001", "IDN"),
        TravelDocument("KTP", "1"),
    )
    assert (record.subject.sex, record.subject.address) == ("F", "Jl. Contoh 1, Batam")
    assert record.photographs == (Photograph("a.jpg", b"A"), Photograph("more/b.png", b"B"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_spreadsheets_of_all_countries_can_write_it(tmp_path: Path, delimiter: str, encoding: str) -> None:
    write_orders(tmp_path, [row(name="Ünal, É; 'x'")], delimiter=delimiter, encoding=encoding)
    assert [record.subject.name for record in read(tmp_path)] == ["Ünal, É; 'x'"]


def test_columns_may_stand_in_any_order_and_case(tmp_path: Path) -> None:
    write_orders(tmp_path, [row()], columns=COLUMNS[::-1])
    text = (tmp_path / "orders.csv").read_text()
    (tmp_path / "orders.csv").write_text(text.replace(",order_id", ", Order_ID ", 1))
    assert len(read(tmp_path)) == 1


def test_a_list_for_0_2_has_fewer_columns_and_is_read_as_before(tmp_path: Path) -> None:
    older = [name for name in COLUMNS if name not in OPTIONAL_COLUMNS]
    write_orders(tmp_path, [row()], columns=older)
    (record,) = read(tmp_path)
    ban = record.order
    assert (ban.ground, ban.person_status, ban.revocation_ground, ban.revocation_reference) == (None, None, None, "")


def test_a_ground_and_a_status_are_read_in_both_languages(tmp_path: Path) -> None:
    english = {"ground": "national_interest", "person_status": "CONVICT", "revocation_ground": "ACQUITTAL"}
    indonesian = {"ground": "Keimigrasian", "person_status": "Saksi", "revocation_ground": "praperadilan"}
    write_orders(tmp_path, [row("O-1", **english), row("O-2", revocation_reference=" 12/Pid.Pra/2026 ", **indonesian)])
    assert [
        (ban.ground, ban.person_status, ban.revocation_ground, ban.revocation_reference)
        for record in read(tmp_path)
        for ban in (record.order,)
    ] == [
        (OrderGround.NATIONAL_INTEREST, PersonStatus.CONVICT, RevocationGround.ACQUITTAL, ""),
        (OrderGround.IMMIGRATION, PersonStatus.WITNESS, RevocationGround.COURT, "12/Pid.Pra/2026"),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    write_orders(tmp_path, [row(name="Ünal")], encoding=encoding)
    with pytest.raises(SourceMisconfigured, match="not UTF-8 text"):
        WatchlistFolder(tmp_path, WIB)


def test_missing_unknown_and_repeated_columns_are_named(tmp_path: Path) -> None:
    columns = [*COLUMNS[:-2], "job", "name"]
    write_orders(tmp_path, [], columns=columns)
    with pytest.raises(SourceMisconfigured) as caught:
        WatchlistFolder(tmp_path, WIB)
    assert "missing: occupation, photographs; unknown: job; more than once: name" in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n", '"never closed', "order_id\n", "\0"])
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "orders.csv").write_text(content)
    with pytest.raises(SourceMisconfigured):
        WatchlistFolder(tmp_path, WIB)


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no folder"):
        WatchlistFolder(tmp_path / "nothing", WIB)
    with pytest.raises(SourceUnavailable, match=r"no orders\.csv"):
        WatchlistFolder(tmp_path, WIB)


def test_a_list_without_rows_is_empty(tmp_path: Path) -> None:
    assert read(write_orders(tmp_path, [])) == []
    assert len(WatchlistFolder(tmp_path, WIB)) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("urgent", "maybe"),
        ("revoked_at", "2026-02-30"),
        ("revoked_at", "01/02/2026"),
        ("revoked_at", "2026-02-01T25:00"),
        ("revoked_at", "0001-01-01T00:00:00+14:00"),
        ("travel_documents", "X0000001"),
        ("travel_documents", "passport:1:IDN:2"),
        ("photographs", "a.jpg|a.jpg"),
        ("photographs", "a.jpg|"),
        ("aliases", "|"),
        ("nik", "3,17E+15"),
        ("kind", "CEKAL"),
    ],
)
def test_a_cell_that_cannot_be_read_refuses_its_row_only(tmp_path: Path, field: str, cell: str) -> None:
    write_orders(tmp_path, [row("O-1"), row("O-2", **{field: cell}), row("O-3")])
    opened = WatchlistFolder(tmp_path, WIB)
    assert [record.order.order_id for record in opened.records()] == ["O-1", "O-3"]
    assert refusals(tmp_path) == [("O-2", field)]
    (report,) = opened.refused
    assert (report.subject_id, report.reason) == ("S-1", Code.RECORD_INVALID)


def test_a_row_with_too_few_or_too_many_cells_is_refused_by_its_line(tmp_path: Path) -> None:
    raw(tmp_path, f"{line('O-1')}\n{line('O-2')},more\nO-3,S-1\n\n,,,\n{line('O-4')}\n")
    opened = WatchlistFolder(tmp_path, WIB)
    assert [record.order.order_id for record in opened.records()] == ["O-1", "O-4"]
    assert refusals(tmp_path) == [("line 3", "row"), ("line 4", "row")]


def test_a_stray_quotation_mark_swallows_no_row_in_silence(tmp_path: Path) -> None:
    raw(tmp_path, "\n".join([line("O-1"), line("O-2", name='"Contoh'), line("O-3"), line("O-4", name='"Contoh')]))
    opened = WatchlistFolder(tmp_path, WIB)
    assert [record.order.order_id for record in opened.records()] == ["O-1"]
    assert refusals(tmp_path) == [("line 3", "row")]


def test_a_quotation_mark_that_is_never_closed_is_reported(tmp_path: Path) -> None:
    raw(tmp_path, "\n".join([line("O-1"), line("O-2", photographs='"a.jpg'), line("O-3")]))
    assert refusals(tmp_path) == [("line 3", "row")]


def test_a_cell_of_megabytes_refuses_its_row_only(tmp_path: Path) -> None:
    write_orders(tmp_path, [row("O-1", reason="x" * 1_000_000), row("O-2")])
    assert [record.order.order_id for record in WatchlistFolder(tmp_path, WIB).records()] == ["O-2"]
    assert refusals(tmp_path) == [("line 2", "row")]


def test_the_same_order_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    """Else each import would store the one over the other, for ever."""
    write_orders(tmp_path, [row("O-1", reason="first"), row("O-1", reason="second")])
    opened = WatchlistFolder(tmp_path, WIB)
    assert [record.order.reason for record in opened.records()] == ["first"]
    assert refusals(tmp_path) == [("O-1", "order_id")]


def test_orders_come_before_their_extensions_and_by_receipt(tmp_path: Path) -> None:
    write_orders(
        tmp_path,
        [
            row("E-2", extends_order_id="E-1", received_on="2025-01-01"),
            row("E-1", extends_order_id="O-2", received_on="2025-02-01"),
            row("O-1", received_on="2026-03-01"),
            row("O-2", received_on="2026-01-01"),
            row("C-1", extends_order_id="C-2"),
            row("C-2", extends_order_id="C-1"),
        ],
    )
    keys = [record.order.order_id for record in read(tmp_path)]
    assert keys.index("O-2") < keys.index("O-1")
    assert keys.index("O-2") < keys.index("E-1") < keys.index("E-2")
    assert len(keys) == 6


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-02-01", "2026-02-01T00:00+07:00"),
        ("2026-02-01 09:30", "2026-02-01T09:30+07:00"),
        ("2026-02-01T09:30:15", "2026-02-01T09:30:15+07:00"),
        ("2026-02-01T09:30:15Z", "2026-02-01T09:30:15+00:00"),
        ("2026-02-01T09:30:15+08:00", "2026-02-01T09:30:15+08:00"),
    ],
)
def test_a_moment_without_offset_is_the_checkpoints(tmp_path: Path, cell: str, moment: str) -> None:
    write_orders(tmp_path, [row(revoked_at=cell)])
    assert read(tmp_path)[0].order.revoked_at == datetime.fromisoformat(moment)


def photographs(folder: Path, names: str) -> list[tuple[bytes, Code | None]]:
    write_orders(folder, [row(photographs=names)])
    (record,) = read(folder)
    return [(photograph.data, photograph.problem) for photograph in record.photographs]


def test_the_index_of_a_table_that_breaks_off_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file holds keys of orders, and a server that reads a broken table again and again would collect them."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(name: str, **options: Any) -> sqlite3.Connection:
        opened.append(connect(name, **options))
        return opened[-1]

    def broken_off() -> Iterator[RowKeys]:
        yield RowKeys(4, 0, "O-1", "", "2026-01-01")
        raise SourceUnavailable("it broke off")

    monkeypatch.setattr(sqlite3, "connect", noted)
    with pytest.raises(SourceUnavailable, match="broke off"):
        RowIndex(broken_off())
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_photographs_stay_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "list"
    folder.mkdir()
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    (folder / "link.jpg").symlink_to(secret)
    refused = (b"", Code.PHOTO_UNREADABLE)
    assert photographs(folder, f"../secret.jpg|{secret}|link.jpg|..\\secret.jpg") == [refused] * 4


def test_photographs_that_cannot_be_read_are_marked(tmp_path: Path) -> None:
    with (tmp_path / "big.jpg").open("wb") as file:
        file.truncate(MAX_PHOTO_BYTES + 1)
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    found = photographs(tmp_path, "none.jpg|big.jpg|loop.jpg|" + "x" * 150 + "/" + "y" * 49)
    assert found[:2] == [(b"", Code.PHOTO_MISSING), (b"", Code.PHOTO_TOO_LARGE)]
    assert all(problem in {Code.PHOTO_MISSING, Code.PHOTO_UNREADABLE} for _, problem in found[2:])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in the file system here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert photographs(tmp_path, "pipe.jpg|.") == [(b"", Code.PHOTO_UNREADABLE)] * 2


def test_a_path_in_windows_form_works(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"A")
    assert photographs(tmp_path, "photos\\a.jpg") == [(b"A", None)]


def test_photographs_are_read_one_record_at_a_time(tmp_path: Path) -> None:
    write_orders(tmp_path, [row("O-1", photographs="a.jpg"), row("O-2", photographs="b.jpg")])
    (tmp_path / "a.jpg").write_bytes(b"A")
    records = WatchlistFolder(tmp_path, WIB).records()
    assert next(records).photographs[0].data == b"A"
    (tmp_path / "b.jpg").write_bytes(b"B")
    assert next(records).photographs[0].data == b"B"
