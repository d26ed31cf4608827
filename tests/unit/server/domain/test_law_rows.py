"""Each rule of the law in its own words, with orders on both sides of it.

A row is an order, the others of its person, a day, and what the law makes of the order then: its status, what ended
it or the rules that it breaks, and its flags, other than those on a cell with a date.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.server.domain.orders.ban_order import BanOrder
from tests.support.builders.orders import day, extension, judged, noon, urgent
from tests.support.builders.watchlist import order

Row = tuple[BanOrder, list[BanOrder], str, str]
DAYS: Final = frozenset({"decree_date", "received_on", "valid_from", "valid_until"})
FOREIGNER: Final[dict[str, Any]] = {"nationality": "DEU", "sex": "F", "date_of_birth": "1980", "photographed": True}


def stated(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: day(value) if name in DAYS and value else value for name, value in facts.items()}


def cegah(key: str = "O-1", **facts: Any) -> BanOrder:
    return order(key, **stated(facts))


def tangkal(key: str = "O-1", decided: str = "2026-01-01", until: str = "2030-01-01", **facts: Any) -> BanOrder:
    days = {"decree_date": decided, "received_on": decided, "valid_from": decided, "valid_until": until}
    return order(key, kind=OrderKind.TANGKAL, **stated(days | facts))


def extends(key: str = "E-1", **facts: Any) -> BanOrder:
    return extension(key, **stated(facts))


def asked(key: str = "U-1", **facts: Any) -> BanOrder:
    return urgent(key, **stated({"reason": "penyidikan"} | facts))


def revoked(at: str, ground: str) -> BanOrder:
    return order(revoked_at=noon(at), revocation_ground=RevocationGround(ground))


BASE = cegah()
AGAIN: Final = {"received_on": "2026-02-15", "valid_from": "2026-02-15"}
DECISION = cegah("D-1", decree_date="2026-02-10", received_on="2026-02-10", valid_from="2026-02-10")
HALVES = [
    cegah("O-1"),
    cegah("O-2", valid_from="2026-07-01", valid_until="2026-12-31", received_on="2026-06-20"),
    cegah("O-3", valid_from="2027-01-01", valid_until="2027-06-30", received_on="2026-12-20"),
]
SAFETY = OrderGround.SECURITY_AND_PUBLIC_ORDER
THIRD = extends("E-2", extends_order_id="E-1", valid_from="2027-01-01", valid_until="2027-06-30")
LATE_ENTRY = tangkal("T-2", "2026-06-29", valid_from="2026-07-01", extends_order_id="O-1")

LAW: Final[dict[str, list[Row]]] = {
    "a CEGAH order that says more than 6 months is in force for the 6 months, flagged; then it has lapsed": [
        (cegah(valid_until="2026-07-01"), [], "2026-07-01", "ACTIVE"),
        (cegah(valid_until="2026-07-02"), [], "2026-07-01", "ACTIVE TERM_CAPPED"),
        (cegah(valid_until="2026-09-01"), [], "2026-07-02", "LAPSED TERM_CAPPED TERM_CAPPED"),
    ],
    "a CEGAH order is extended once, by at most 6 months": [
        (extends(), [BASE], "2026-12-31", "ACTIVE"),
        (extends(valid_until="2027-06-01"), [BASE], "2027-01-01", "ACTIVE TERM_CAPPED"),
        (THIRD, [BASE, extends()], "2027-02-01", "INVALID EXTENDED_TWICE"),
    ],
    "TANGKAL that was decided since 17 October 2024 lasts at most 10 years (c); before, 6 months": [
        (tangkal(decided="2024-10-17", until="2034-10-17"), [], "2034-10-17", "ACTIVE"),
        (tangkal(decided="2024-10-17", until="2034-10-18"), [], "2034-10-18", "ACTIVE TERM_UNCONFIRMED"),
        (tangkal(decided="2024-10-16", until="2025-05-01"), [], "2025-04-17", "LAPSED TERM_CAPPED TERM_CAPPED"),
    ],
    "TANGKAL for life needs a ground that allows it (c); without one it stays in force, flagged": [
        (tangkal(until="9999-12-31"), [], "2070-01-01", "ACTIVE LIFE_WITHOUT_GROUND"),
        (tangkal(until="9999-12-31", ground=SAFETY), [], "2070-01-01", "ACTIVE"),
    ],
    "an extension of a CEGAH order that was decided or received later than 3 days before the end is void": [
        (extends(received_on="2026-06-27"), [BASE], "2026-08-01", "ACTIVE"),
        (extends(received_on="2026-06-28"), [BASE], "2026-08-01", "INVALID EXTENSION_LATE"),
        (extends(received_on="2026-06-28", decree_date="2026-06-28"), [BASE], "2026-08-01", "INVALID EXTENSION_LATE"),
    ],
    "a late extension of TANGKAL is in force (c)": [
        (LATE_ENTRY, [tangkal(until="2026-06-30")], "2026-08-01", "ACTIVE EXTENSION_LATE_UNCONFIRMED"),
    ],
    "an extension whose base we do not hold is in force for its own term, flagged": [
        (extends(), [], "2026-12-31", "ACTIVE BASE_NOT_HELD"),
        (extends(), [], "2027-01-01", "LAPSED TERM_OVER BASE_NOT_HELD"),
        (extends(), [cegah(subject_id="S-2")], "2026-12-31", "ACTIVE BASE_UNDER_OTHER_KEY"),
    ],
    "an extension whose base is void, or had ended, is void": [
        (
            extends(extends_order_id="U-2", valid_from="2026-03-01", received_on="2026-02-16"),
            [asked(), asked("U-2", **AGAIN)],
            "2026-03-05",
            "INVALID EXTENDS_INVALID_ORDER",
        ),
        (extends(valid_from="2026-07-02"), [BASE], "2026-08-01", "INVALID EXTENSION_GAP"),
    ],
    "an urgent order lapses after 20 days without a written decision, counted from the first receipt": [
        (asked(), [], "2026-02-21", "ACTIVE"),
        (asked(), [], "2026-02-22", "LAPSED UNDECIDED"),
        (asked(**AGAIN, urgent_since=day("2026-02-01")), [], "2026-02-22", "LAPSED UNDECIDED URGENT_SENT_AGAIN"),
        (asked(decree_number="KEP-2", decree_date="2026-02-21"), [], "2026-07-31", "ACTIVE"),
    ],
    "the 20 days bind whatever comes later without a decree": [
        (
            asked(urgent=False, **AGAIN, urgent_since=day("2026-02-01")),
            [],
            "2026-02-22",
            "LAPSED UNDECIDED URGENT_SENT_AGAIN NO_DECREE",
        ),
        (asked("X", urgent=False, **AGAIN), [asked()], "2026-02-22", "LAPSED UNDECIDED FOLLOWS_URGENT NO_DECREE"),
        (
            asked("X", urgent=False, **AGAIN, requesting_agency="Jaksa Agung R.I."),
            [asked()],
            "2026-02-22",
            "LAPSED UNDECIDED FOLLOWS_URGENT NO_DECREE",
        ),
        (asked("X", urgent=False, **AGAIN), [asked(), DECISION], "2026-07-01", "ACTIVE NO_DECREE"),
    ],
    "a second urgent order of the same agency on the same person is INVALID unless a written decision lies between": [
        (asked("U-2", **AGAIN), [asked()], "2026-02-16", "INVALID URGENT_RESUBMITTED"),
        (asked("U-2", **AGAIN), [asked(subject_id="S-2")], "2026-02-16", "INVALID URGENT_RESUBMITTED"),
        (asked("U-2", **AGAIN), [asked(), DECISION], "2026-02-16", "ACTIVE"),
        (asked("U-2", **AGAIN, requesting_agency="KPK"), [asked()], "2026-02-16", "ACTIVE"),
    ],
    "an agency that is not on the list is flagged, and compared without case, punctuation and RI": [
        (cegah(requesting_agency="Dinas A"), [], "2026-03-01", "ACTIVE AGENCY_UNKNOWN"),
        (
            asked("U-2", **AGAIN, requesting_agency="DINAS A. R.I."),
            [asked(requesting_agency="Dinas A")],
            "2026-02-16",
            "INVALID URGENT_RESUBMITTED",
        ),
        (
            asked("U-2", **AGAIN, requesting_agency=" RI "),
            [asked(requesting_agency="-")],
            "2026-02-16",
            "ACTIVE AGENCY_UNKNOWN",
        ),
    ],
    "an urgent order names sex, nationality, birth or age, a photograph and the reason: what lacks is flagged": [
        (asked(reason=""), [], "2026-02-16", "ACTIVE LACKS_REASON"),
    ],
    "an order that is not urgent and has no decree number and date is in force and flagged": [
        (cegah(decree_number=""), [], "2026-03-01", "ACTIVE NO_DECREE"),
        (cegah(decree_date=None), [], "2026-03-01", "ACTIVE NO_DECREE"),
    ],
    "revoking a base ends its extension if the base was in force then, or if the ban never should have been": [
        (extends(), [revoked("2026-06-30", "AGENCY")], "2026-08-01", "REVOKED BASE_REVOKED"),
        (extends(), [revoked("2026-07-15", "COURT")], "2026-08-01", "REVOKED BASE_REVOKED"),
        (extends(), [revoked("2026-07-15", "ACQUITTAL")], "2026-08-01", "REVOKED BASE_REVOKED"),
        (extends(), [revoked("2026-07-15", "WRONG_PERSON")], "2026-08-01", "REVOKED BASE_REVOKED"),
    ],
    "a base that had ended and is taken back by its agency leaves an extension in force, flagged (c)": [
        (extends(), [revoked("2026-07-15", "AGENCY")], "2026-08-01", "ACTIVE BASE_REVOKED_LATER"),
    ],
    "CEGAH orders of one agency that follow one another for more than 12 months stay in force and are flagged": [
        (HALVES[1], [HALVES[0]], "2026-08-01", "ACTIVE"),
        (HALVES[2], HALVES[:2], "2027-02-01", "ACTIVE RENEWED_TOO_LONG"),
        (HALVES[0], HALVES[1:], "2026-03-01", "ACTIVE RENEWED_TOO_LONG"),
        (HALVES[2], [HALVES[0], extends("O-2")], "2027-02-01", "ACTIVE RENEWED_TOO_LONG"),
    ],
    "since 2 January 2026 a CEGAH order for an investigation is about a suspect: a witness is flagged (c)": [
        (cegah(person_status=PersonStatus.WITNESS), [], "2026-03-01", "ACTIVE"),
        (
            cegah(valid_from="2026-01-02", person_status=PersonStatus.WITNESS),
            [],
            "2026-03-01",
            "ACTIVE WITNESS",
        ),
        (cegah(valid_from="2026-01-02", person_status=PersonStatus.SUSPECT), [], "2026-03-01", "ACTIVE"),
    ],
    "a court can annul an order, an acquittal ends it: from that moment on": [
        (revoked("2026-03-02", "COURT"), [], "2026-03-01", "ACTIVE"),
        (revoked("2026-03-02", "COURT"), [], "2026-03-02", "REVOKED REVOKED"),
        (revoked("2026-03-02", "ACQUITTAL"), [], "2026-03-03", "REVOKED REVOKED"),
        (cegah(revocation_ground=RevocationGround.COURT), [], "2026-03-03", "ACTIVE REVOKED_WITHOUT_MOMENT"),
    ],
    "an order is judged by the law of the day of its decree, else of its receipt": [
        (tangkal(decided="2024-10-16", decree_date=None), [], "2026-03-01", "LAPSED TERM_CAPPED TERM_CAPPED NO_DECREE"),
        (tangkal(decided="2024-10-17", decree_date=None), [], "2026-03-01", "ACTIVE NO_DECREE"),
    ],
}


def what_the_law_makes(row: Row, **person: Any) -> str:
    one, others, at, _ = row
    elsewhere = [other for other in others if other.subject_id != one.subject_id]
    found = judged(one, *others, elsewhere=elsewhere, now=noon(at), **FOREIGNER | person)
    flags = [flag for flag in found.flags if not flag.startswith("CHECK_")]
    return " ".join([found.status, *found.broken_rules, *([found.ended_by] if found.ended_by else []), *flags])


@pytest.mark.parametrize("words", LAW)
def test_an_order_is_what_the_law_makes_of_it(words: str) -> None:
    assert [what_the_law_makes(row) for row in LAW[words]] == [expected for *_, expected in LAW[words]]


@pytest.mark.parametrize(
    ("nationality", "nik", "expected"),
    [
        ("IDN", "", "INVALID TANGKAL_ON_CITIZEN"),
        ("IDN", "2171013101800001", "INVALID TANGKAL_ON_CITIZEN"),
        ("DEU", "2171013101800001", "ACTIVE TANGKAL_WITH_NIK"),
        ("", "2171013101800001", "ACTIVE TANGKAL_WITH_NIK"),
        ("", "", "ACTIVE"),
    ],
)
def test_tangkal_on_a_citizen_is_void_and_a_nik_alone_says_resident(nationality: str, nik: str, expected: str) -> None:
    assert what_the_law_makes((tangkal(), [], "2026-03-01", ""), nationality=nationality, nik=nik) == expected


@pytest.mark.parametrize("lacking", ["sex", "nationality", "date_of_birth", "photographed"])
def test_what_an_urgent_order_does_not_name_of_the_person_is_flagged(lacking: str) -> None:
    nothing: Any = False if lacking == "photographed" else ""
    flag = {"date_of_birth": "BIRTH", "photographed": "PHOTOGRAPH"}.get(lacking, lacking.upper())
    row = (asked(), list[BanOrder](), "2026-02-02", "")
    assert what_the_law_makes(row, **{lacking: nothing}) == f"ACTIVE LACKS_{flag}"
