"""Single values of a source are read for certain, or refused by the name of their field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources import values
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE
from tests.support.builders.watchlist import WIB

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.just(DAMAGED_VALUE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FORMATS = ("%d/%m/%Y", "%d-%m-%Y", "%Y.%m.%d", "%d %B %Y", "%d %b %Y", "%Y-%m-%d")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  C-1\n", "C-1"),
        (7, "7"),
        (7.0, "7"),
        (Decimal("7.00"), "7"),
        (True, "true"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_value_is_a_text(value: object, text: str) -> None:
    assert values.text("name", value) == text


@pytest.mark.parametrize(
    "value",
    [
        7.5,
        float("nan"),
        float("inf"),
        2.0**60,
        Decimal("NaN"),
        date(2026, 1, 1),
        b"x",
        [],
        {},
        DAMAGED_VALUE,
        "A\ufffdB",
    ],
)
def test_what_is_no_text_for_certain_is_refused(value: object) -> None:
    with pytest.raises(RecordError) as caught:
        values.text("name", value)
    assert caught.value.field == "name"


@pytest.mark.parametrize(
    ("written", "formats"),
    [
        ("17/08/2026", ("%d/%m/%Y",)),
        ("17/8/2026", ("%d/%m/%Y",)),
        ("2026-08-17", ("%d/%m/%Y", "%Y-%m-%d")),
        ("17 Agustus 2026", ("%d %B %Y",)),
        ("17 August 2026", ("%d %B %Y",)),
        ("17 AGT 2026", ("%d %b %Y",)),
        ("17-Agu-2026", ("%d-%b-%Y",)),
    ],
)
def test_days_are_read_as_they_are_written(written: str, formats: tuple[str, ...]) -> None:
    assert values.day("valid_from", written, formats, WIB) == "2026-08-17"


def test_every_indonesian_month_is_known() -> None:
    names = [
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ]
    found = [values.day("valid_from", f"1 {name} 2026", ("%d %B %Y",), WIB) for name in names]
    assert found == [f"2026-{month:02}-01" for month in range(1, 13)]


@pytest.mark.parametrize(
    "written", ["08/17/2026", "17/08/26", "2026-8-17", "17/08/2026 10:00", "45000", "besok", "٠١/٠٢/٢٠٢٦x"]
)
def test_a_day_in_another_form_is_refused(written: str) -> None:
    with pytest.raises(RecordError):
        values.day("valid_from", written, ("%d/%m/%Y", "%Y-%m-%d"), WIB)


def test_a_moment_in_a_days_place_is_the_day_at_the_checkpoint() -> None:
    assert values.day("received_on", datetime(2026, 1, 31, 17, tzinfo=UTC), (), WIB) == "2026-02-01"
    assert values.day("received_on", datetime(2026, 1, 31, 17), (), WIB) == "2026-01-31"  # noqa: DTZ001  # as Excel has it


def test_moments_without_an_offset_are_the_checkpoints() -> None:
    expected = datetime(2026, 2, 1, 9, 30, tzinfo=WIB)
    for value in ("01/02/2026 09:30", "2026-02-01T02:30:00Z", expected.replace(tzinfo=None), expected.astimezone(UTC)):
        assert values.moment("revoked_at", value, ("%d/%m/%Y %H:%M",), ("%d/%m/%Y",), WIB) == expected
    assert values.moment("revoked_at", "01/02/2026", (), ("%d/%m/%Y",), WIB) == datetime(2026, 2, 1, tzinfo=WIB)


def test_meanings_are_found_whatever_the_capitals() -> None:
    meanings = {"cegah": "CEGAH", "": "X", "1": "M"}
    found = [values.translated(value, meanings) for value in (" CEGAH ", None, "", 1, "lain", 2.5)]
    assert found == ["CEGAH", "X", "X", "M", "lain", 2.5]


@given(st.dates(), st.sampled_from(FORMATS))
def test_any_day_comes_back_from_any_format(day: date, form: str) -> None:
    # strftime does not fill years before 1000 with zeros everywhere.
    written = day.strftime(form.replace("%Y", f"{day.year:04}"))
    assert values.day("valid_from", written, (form,), WIB) == day.isoformat()


@given(st.datetimes(timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-12), timedelta(hours=14)))))
def test_any_aware_moment_stays_the_same_moment(moment: datetime) -> None:
    try:
        assert values.moment("revoked_at", moment, (), ("%Y-%m-%d",), WIB) == moment
    except RecordError:
        assert moment.year in {1, 9999}


@given(ANYTHING)
def test_whatever_it_is_it_is_read_or_refused(value: object) -> None:
    for read in (
        lambda: values.text("name", value),
        lambda: values.texts("name", value, "|"),
        lambda: values.day("name", value, FORMATS, WIB),
        lambda: values.moment("name", value, ("%d/%m/%Y %H:%M",), FORMATS, WIB),
        lambda: values.yes_or_no("name", value),
    ):
        try:
            found = read()
        except RecordError as error:
            assert error.field == "name"  # noqa: PT017  # either is right
        else:
            assert found is None or isinstance(found, str | list | bool | datetime)
