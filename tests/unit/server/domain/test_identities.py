"""By which numbers two subjects are the same person."""

from __future__ import annotations

from typing import Any

import pytest

from cekalwatch.contract.values.subjects import TravelDocument
from tests.support.builders.watchlist import subject

NIK = "2171013101800001"


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(subject(**one).identities & subject("S-2", **other).identities)


def passport(number: str, country: str = "IDN", kind: str = "passport") -> dict[str, Any]:
    return {"travel_documents": (TravelDocument(kind, number, country),)}


def test_who_shares_a_nik_or_a_travel_document_is_the_same_person() -> None:
    assert alike({"nik": NIK}, {"nik": NIK, "name": "Another Spelling"})
    assert not alike({"nik": NIK}, {"nik": NIK[:-1] + "2"})
    assert alike(passport("X0000001"), passport("X0000001") | {"nik": NIK})
    assert not alike({}, {})


def test_a_document_is_the_same_in_another_writing_and_not_of_another_country_or_type() -> None:
    assert alike(passport("X 0000-001"), passport("x0000001", kind="PASSPORT"))
    assert not alike(passport("X0000001"), passport("X0000001", "SGP"))
    assert not alike(passport("X0000001"), passport("X0000001", kind="KITAS"))


@pytest.mark.parametrize("number", ["-", "0000000", "TIDAK ADA", "N/A", "X12", "unknown", "99 99 99"])
def test_what_stands_where_there_is_no_number_makes_nobody_the_same_person(number: str) -> None:
    assert not alike(passport(number), passport(number))
    assert not alike({"nik": "0" * 16}, {"nik": "0" * 16})
