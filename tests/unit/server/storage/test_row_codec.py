"""Rows are read and written by the types of values and columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import IntEnum, StrEnum
from uuid import UUID

import pytest

from cekalwatch.contract.values.imports import SyncRefusal, SyncRemark, SyncRun
from cekalwatch.contract.values.orders import OrderGround
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.encryption.keyring import DamagedValueError, DataKey, KeyPurpose, Keyring
from cekalwatch.server.storage.columns import ORDER_FACTS
from cekalwatch.server.storage.row_codec import RowCodec, as_json, json_reader, json_text
from cekalwatch.server.storage.sync.tables import run_of, run_row
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow, LookalikeJudgementRow
from tests.support.builders.watchlist import order

KEYS = (DataKey(1, KeyPurpose.SEALING, bytes(32)), DataKey(2, KeyPurpose.MATCHING, bytes(32)))


class Word(StrEnum):
    ONE = "one"


class Number(IntEnum):
    TWO = 2


@dataclass(frozen=True)
class Inner:
    day: date | None = None
    hour: time = time(7, 30)


@dataclass(frozen=True)
class Whole:
    key: UUID
    word: Word
    number: Number
    at: datetime
    words: frozenset[Word]
    inner: tuple[Inner, ...]
    by_word: Mapping[Word, Inner]
    part: float = 0.5
    left_out: str | None = None


WHOLE = Whole(
    UUID(int=7),
    Word.ONE,
    Number.TWO,
    datetime(2026, 3, 1, 7, tzinfo=timezone(timedelta(hours=7))),
    frozenset({Word.ONE}),
    (Inner(date(2026, 3, 1)), Inner()),
    {Word.ONE: Inner()},
)


@pytest.fixture
def rows() -> WatchlistRows:
    return WatchlistRows(Keyring(lambda known: [key for key in KEYS if key.key_id not in known]))


def test_a_value_is_read_from_its_own_json() -> None:
    text = json_text(WHOLE)
    assert json_reader(Whole)(json.loads(text)) == WHOLE
    assert "left_out" not in text
    assert json.loads(text)["at"] == datetime(2026, 3, 1, tzinfo=UTC).isoformat()
    assert as_json({"a": None, "b": frozenset({"2", "1"})}) == {"a": None, "b": ["1", "2"]}


@pytest.mark.parametrize(
    "damage", [{"key": "no key"}, {"word": "two"}, {"part": "half"}, {"inner": 3}, {"inner": [{"day": 1}]}]
)
def test_damaged_json_is_told(damage: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        json_reader(Whole)(as_json(WHOLE) | damage)


def test_json_of_other_versions_may_lack_fields_with_defaults_or_have_more() -> None:
    held = as_json(WHOLE) | {"of_a_later_version": 1}
    del held["part"]
    assert json_reader(Whole)(held) == WHOLE
    assert json_reader(Inner)(["2026-03-01"]) == Inner(date(2026, 3, 1))
    del held["word"]
    with pytest.raises(TypeError):
        json_reader(Whole)(held)


def test_what_has_no_column_is_sealed_for_its_row(rows: WatchlistRows) -> None:
    wanted = order(ground=next(iter(OrderGround)))
    row = rows.order_row(wanted, "content")
    assert isinstance(row, BanOrderRow)
    assert (row.revoked_at, row.valid_until, row.content_hash) == ("", "2026-06-30", "content")
    facts = json.loads(rows.keyring.open(ORDER_FACTS.at("O-1"), row.facts))
    assert facts.keys() == {
        *("requesting_agency", "reason", "decree_number", "ground"),
        *("person_status", "revocation_ground", "revocation_reference", "stored_on"),
    }
    assert rows.order(row) == wanted
    row.order_id = "O-2"
    with pytest.raises(DamagedValueError):
        rows.order(row)


def test_a_field_without_a_place_is_refused() -> None:
    with pytest.raises(TypeError, match="lookalike_judgement has no column for hour"):
        RowCodec(Inner, LookalikeJudgementRow, {"day": "judgement"}).columns(Inner())


def test_what_0_2_kept_of_a_run_is_read() -> None:
    run = SyncRun(
        run_id=1,
        source="source",
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        outcome=SyncOutcome.FAILED,
        reason="SOURCE_REFUSED",
        refusals=(SyncRefusal("O-1", "RECORD_INVALID", "name"),),
        remarks=(SyncRemark("O-2", ("ENDS_BEFORE_START",), ("S-2",), ("FAR_AHEAD",)),),
    )
    row = run_row(run)
    assert run_of(row) == run
    row.refusals = '[["O-1", "RECORD_INVALID", "name"]]'
    row.remarks = '[["O-2", ["ENDS_BEFORE_START"], ["S-2"], ["FAR_AHEAD"]]]'
    assert run_of(row) == run
