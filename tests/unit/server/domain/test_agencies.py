"""Agencies in the spellings of lists."""

from __future__ import annotations

import pytest

from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Kejaksaan Agung", "KEJAGUNG"),
        ("KEJAKSAAN AGUNG R.I.", "KEJAGUNG"),
        (" kejaksaan  agung-republik indonesia", "KEJAGUNG"),
        ("K.P.K.", "KPK"),
        ("Komisi Pemberantasan Korupsi (KPK)", "KPK"),
        ("Polri", "POLRI"),
        ("kepolisian negara RI", "POLRI"),
        ("Dinas Perhubungan", None),
        ("", None),
    ],
)
def test_an_agency_is_known_without_case_punctuation_and_ri(text: str, code: str | None) -> None:
    assert KNOWN_AGENCIES.code_of(text) == code


def test_an_unknown_agency_is_compared_by_its_name() -> None:
    assert KNOWN_AGENCIES.same(["Dinas Perhubungan", "DINAS PERHUBUNGAN, R.I."])
    assert not KNOWN_AGENCIES.same(["Dinas Perhubungan", "Dinas Pariwisata"])
    assert KNOWN_AGENCIES.same(["KPK", "Komisi Pemberantasan Korupsi"])


def test_two_agencies_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="same name"):
        Agencies((Agency("A", "Dinas"), Agency("B", "Badan", ("DINAS RI",))))
    with pytest.raises(ValueError, match="code and a name"):
        Agency("RI", "Dinas")
