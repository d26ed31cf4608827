"""Agencies in the spellings of lists."""

from __future__ import annotations

import pytest

from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency
from tests.support.builders.orders import broken, day, urgent


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


def test_names_of_which_nothing_is_left_are_compared_as_they_are_written() -> None:
    for known in (KNOWN_AGENCIES, KNOWN_AGENCIES.changed([Agency("D", "Dinas", ("-",))], ())):
        assert not known.same(["-", " RI "])
        assert known.same(["-", "-"])
        assert known.code_of("RI") is None
    again = urgent("U-2", requesting_agency="-", received_on=day("2026-02-15"))
    assert broken(again, urgent(requesting_agency=" RI ")) == ()


def test_two_agencies_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="same name"):
        Agencies((Agency("A", "Dinas"), Agency("B", "Badan", ("DINAS RI",))))
    with pytest.raises(ValueError, match="code and a name"):
        Agency("RI", "Dinas")


def test_an_offices_own_agencies_replace_the_shipped_ones_and_keep_their_names() -> None:
    shipped = Agencies((Agency("A", "Alpha", ("First", "Old")), Agency("B", "Beta"), Agency("C", "Gamma")))
    found = shipped.changed([Agency("A", "Alpha Baru"), Agency("D", "Delta", ("Beta",))], ["C"])
    assert [one.code for one in found.known] == ["A", "D"]
    assert (found.code_of("alpha baru"), found.code_of("beta"), found.code_of("gamma")) == ("A", "D", None)


def test_a_name_that_an_office_gave_away_is_lost_to_a_shipped_agency_alone() -> None:
    shipped = Agencies((Agency("A", "Alpha", ("First", "Old")),))
    found = shipped.changed([Agency("D", "Delta", ("OLD",))], ())
    assert (found.code_of("old"), found.code_of("first")) == ("D", "A")


def test_two_agencies_with_one_name_do_not_keep_a_server_from_starting() -> None:
    found = Agencies(()).changed(
        [Agency("A", "Alpha", ("Same",)), Agency("B", "Beta", ("same",)), Agency("C", "A")], ()
    )
    assert [one.code for one in found.known] == ["A", "B"]
    assert found.code_of("same") == "A"
