"""What a record may state, and which field is named when it may not."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import (
    FIELD_FORMS,
    ImportRecord,
    Photograph,
    RecordError,
    build_order,
    build_subject,
    photo_names,
)
from tests.support.builders.watchlist import order, subject

ORDER: dict[str, Any] = {
    "order_id": "O-1",
    "subject_id": "S-1",
    "kind": "CEGAH",
    "requesting_agency": "KPK",
    "valid_from": "2026-01-01",
    "valid_until": "2026-06-30",
    "received_on": "2025-12-30",
}
SUBJECT: dict[str, Any] = {"subject_id": "S-1", "name": "Contoh Satu"}


def test_an_order_is_read_from_texts() -> None:
    ban = build_order(**ORDER | {"kind": "TANGKAL", "decree_date": "2025-12-29", "valid_until": "9999-12-31"})
    assert (ban.kind, ban.valid_from, ban.valid_until) == (OrderKind.TANGKAL, date(2026, 1, 1), date.max)
    assert (ban.received_on, ban.decree_date) == (date(2025, 12, 30), date(2025, 12, 29))


def test_an_order_is_not_refused_for_a_ground_or_a_status_that_nobody_knows() -> None:
    strange = dict.fromkeys(("ground", "person_status", "revocation_ground"), "buron")
    ban = build_order(**ORDER | strange)
    assert (ban.ground, ban.person_status, ban.revocation_ground) == (
        OrderGround.OTHER,
        PersonStatus.OTHER,
        RevocationGround.OTHER,
    )


def test_a_ground_of_another_kind_is_not_taken_for_one_of_this_kind() -> None:
    assert build_order(**ORDER | {"person_status": "praperadilan"}).person_status is PersonStatus.OTHER


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", ""),
        ("order_id", "x" * 65),
        ("order_id", "O\n1"),
        ("order_id", " O-1"),
        ("subject_id", ""),
        ("kind", ""),
        ("kind", "CEKAL"),
        ("requesting_agency", ""),
        ("requesting_agency", " "),
        ("requesting_agency", "-"),
        ("requesting_agency", " R.I. "),
        ("requesting_agency", "x" * 201),
        ("valid_from", ""),
        ("valid_from", "2026-02-30"),
        ("valid_from", "01/02/2026"),
        ("valid_from", "20260101"),
        ("valid_from", "2026-W01-1"),
        ("valid_from", "0001-01-01"),
        ("valid_from", "٢٠٢٦-٠١-٠١"),
        ("valid_until", "forever"),
        ("received_on", "9999-01-01"),
        ("received_on", ""),
        ("decree_date", "yesterday"),
        ("decree_number", "x" * 101),
        ("reason", "bell \a"),
        ("reason", "x" * 1001),
        ("extends_order_id", "O-1"),
        ("extends_order_id", "x" * 65),
        ("ground", "x" * 101),
        ("person_status", "bell \a"),
        ("revocation_ground", "x" * 101),
        ("revocation_reference", "x" * 101),
    ],
)
def test_an_order_that_cannot_be_read_names_the_field(field: str, value: str) -> None:
    with pytest.raises(RecordError) as caught:
        build_order(**ORDER | {field: value})
    assert (caught.value.code, caught.value.field) == (Code.RECORD_INVALID, field)
    assert FIELD_FORMS[field], "whoever corrects it is told what may stand there"


def test_a_subject_is_read_from_texts() -> None:
    person = build_subject(
        **SUBJECT,
        aliases=["Si Contoh"],
        sex="X",
        date_of_birth="1970",
        nationality="SGP",
        nik="3171010101700001",
        travel_documents=[("passport", "K000", "SGP"), ("laissez-passer", "1", "")],
    )
    assert person.travel_documents == (TravelDocument("passport", "K000", "SGP"), TravelDocument("laissez-passer", "1"))
    assert (person.aliases, person.date_of_birth, person.nationality) == (("Si Contoh",), "1970", "SGP")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject_id", ""),
        ("name", ""),
        ("name", "x" * 201),
        ("name", "Contoh\u202eutaS"),
        ("name", "Contoh\0"),
        ("aliases", [""]),
        ("aliases", ["x"] * 21),
        ("sex", "L"),
        ("date_of_birth", "1970-13-01"),
        ("date_of_birth", "70"),
        ("date_of_birth", "1970-01"),
        ("nationality", "ID"),
        ("nationality", "INA"),
        ("nik", "3.17101E+15"),
        ("nik", "317101010170000"),
        ("travel_documents", [("", "1", "IDN")]),
        ("travel_documents", [("passport", "", "IDN")]),
        ("travel_documents", [("passport", "1", "XYZ")]),
        ("travel_documents", [("passport", "1" * 41, "IDN")]),
        ("travel_documents", [("passport", "1", "")] * 11),
        ("place_of_birth", "x" * 101),
        ("address", "x" * 501),
        ("occupation", "x" * 101),
    ],
)
def test_a_subject_that_cannot_be_read_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(RecordError) as caught:
        build_subject(**SUBJECT | {field: value})
    assert caught.value.field == field


def test_texts_for_people_lose_their_line_breaks_and_get_one_form() -> None:
    person = build_subject(**SUBJECT | {"name": "Jose\u0301  Maria\u00a0"}, address="Jl. Contoh 1\r\nBatam")
    assert (person.name, person.address) == ("José Maria", "Jl. Contoh 1 Batam")


@pytest.mark.parametrize("names", [["a"] * 2, [""], ["x" * 201], ["a\nb"], [str(number) for number in range(11)]])
def test_photographs_must_be_few_and_told_apart(names: list[str]) -> None:
    with pytest.raises(RecordError) as caught:
        photo_names(names)
    assert caught.value.field == "photographs"


def test_a_record_is_about_one_subject() -> None:
    with pytest.raises(RecordError):
        ImportRecord(subject("S-2"), order(subject_id="S-1"))
    with pytest.raises(RecordError):
        ImportRecord(subject(), order(), (Photograph("a"), Photograph("a")))


texts = st.text(max_size=30)


@given(facts=st.fixed_dictionaries({}, optional=dict.fromkeys((*ORDER, "decree_date", "extends_order_id"), texts)))
def test_an_order_is_read_or_refused_whatever_the_texts(facts: dict[str, str]) -> None:
    with suppress(RecordError):
        assert build_order(**ORDER | facts).valid_from.year in PLAUSIBLE_YEARS


@given(
    facts=st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "sex", "nik", "date_of_birth", "address"), texts)),
    documents=st.lists(st.tuples(texts, texts, texts), max_size=3),
)
def test_a_subject_is_read_or_refused_whatever_the_texts(
    facts: dict[str, str], documents: list[tuple[str, str, str]]
) -> None:
    try:
        person = build_subject(**SUBJECT | facts, travel_documents=documents)
    except RecordError:
        return
    assert person.name.isprintable()
    assert person.name == person.name.strip() != ""


@pytest.mark.parametrize("key", ["Contoh Satu", "contoh satu", "Si Satu", "2171015509860007", "x0000001"])
@pytest.mark.parametrize("field", ["subject_id", "order_id"])
def test_a_key_that_says_who_the_person_is_is_refused(field: str, key: str) -> None:
    documents = (TravelDocument("passport", "X0000001", "IDN"),)
    keys = {"subject_id": "S-1", "order_id": "O-1"} | {field: key}
    person = subject(
        keys["subject_id"],
        name="Contoh Satu",
        aliases=("Si Satu",),
        nik="2171015509860007",
        travel_documents=documents,
    )
    with pytest.raises(RecordError) as caught:
        ImportRecord(person, order(keys["order_id"], subject_id=keys["subject_id"]))
    assert caught.value.field == field
