"""Golden days of the law: on both sides of each date, for each article, and what cannot be escaped.

Flags and rules are written as the texts that go over the wire.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cekalwatch.contract.values.orders import OrderGround, OrderKind, OrderStatus, PersonStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law, LawTable
from tests.support.builders.orders import day, extension, judged, noon, status, urgent
from tests.support.builders.watchlist import order

ACTIVE, LAPSED, INVALID = OrderStatus.ACTIVE, OrderStatus.LAPSED, OrderStatus.INVALID
CONFIRMED = Law(LawTable(tuple(row.confirmed("Adv. Sari") for row in SHIPPED.rows)))


def ban(decided: str, last: str, order_id: str = "T-1", **facts: Any) -> BanOrder:
    """A TANGKAL from the day of its decree."""
    usual = {"valid_from": day(decided), "valid_until": day(last), "decree_date": day(decided)}
    return order(order_id, kind=OrderKind.TANGKAL, **usual | {"received_on": day(decided)} | facts)


def seen(one: BanOrder, *others: BanOrder, **circumstances: Any) -> tuple[str, tuple[str, ...]]:
    """Its status and flags."""
    found = judged(one, *others, **{"nationality": "DEU"} | circumstances)
    return found.status, tuple(map(str, found.flags))


# Art. 97: exit bans


@pytest.mark.parametrize(
    "decided", ["2024-10-16", "2024-10-17", "2025-12-15", "2025-12-16", "2026-01-01", "2026-01-02"]
)
def test_an_exit_ban_that_says_more_is_in_force_for_six_months_whenever_it_was_decided(decided: str) -> None:
    first = day(decided)
    one = order(decree_date=first, received_on=first, valid_from=first, valid_until=first + timedelta(days=400))
    sixth = first.replace(year=first.year + (first.month > 6), month=(first.month + 5) % 12 + 1)
    assert seen(one, now=noon(str(sixth))) == (ACTIVE, ("TERM_CAPPED",))
    assert seen(one, now=noon(str(sixth + timedelta(days=1)))) == (LAPSED, ("TERM_CAPPED",))
    lapsed = judged(one, now=noon(str(sixth + timedelta(days=1))))
    assert (lapsed.ended_by, lapsed.article) == ("TERM_CAPPED", "UU 6/2011 Pasal 97")


def test_an_extension_that_says_more_is_in_force_for_six_months() -> None:
    one = extension(valid_until=day("2036-01-01"))
    assert seen(one, order(), now=noon("2027-01-01")) == (ACTIVE, ("TERM_CAPPED",))
    assert seen(one, order(), now=noon("2027-01-02")) == (LAPSED, ("TERM_CAPPED",))


def test_an_exit_ban_for_life_is_in_force_for_six_months() -> None:
    assert seen(order(valid_until=date.max), now=noon("2026-07-01")) == (ACTIVE, ("TERM_CAPPED",))
    assert seen(order(valid_until=date.max), now=noon("2026-07-02")) == (LAPSED, ("TERM_CAPPED",))


def test_the_end_of_a_capped_order_is_the_one_that_an_extension_continues() -> None:
    base = order(valid_until=day("2026-12-31"))
    in_time = extension(valid_from=day("2026-07-02"), valid_until=day("2026-12-31"))
    assert seen(in_time, base, now=noon("2026-08-01")) == (ACTIVE, ())
    late = extension(valid_from=day("2027-01-01"), valid_until=day("2027-06-30"), received_on=day("2026-12-01"))
    assert judged(late, base).broken_rules == ("EXTENSION_LATE", "EXTENSION_GAP")


# Art. 102: entry bans


@pytest.mark.parametrize(
    ("decided", "last", "at", "expected"),
    [
        # Until 16 October 2024: six months.
        ("2024-10-16", "2025-04-16", "2025-04-16", (ACTIVE, ())),
        ("2024-10-16", "2025-04-17", "2025-04-16", (ACTIVE, ("TERM_CAPPED",))),
        ("2024-10-16", "2025-04-17", "2025-04-17", (LAPSED, ("TERM_CAPPED", "CHECK_VALID_FROM"))),
        ("2024-10-16", "2034-10-16", "2026-03-01", (LAPSED, ("TERM_CAPPED",))),
        # From 17 October 2024: ten years, which no counsel has confirmed.
        ("2024-10-17", "2034-10-17", "2034-10-17", (ACTIVE, ())),
        ("2024-10-17", "2034-10-18", "2034-10-18", (ACTIVE, ("TERM_UNCONFIRMED",))),
        ("2026-02-01", "2041-02-01", "2026-03-01", (ACTIVE, ("TERM_UNCONFIRMED",))),
        ("2026-02-01", "2041-02-01", "2040-03-01", (ACTIVE, ("TERM_UNCONFIRMED",))),
    ],
)
def test_an_entry_ban_is_judged_by_the_law_of_its_day(
    decided: str, last: str, at: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert seen(ban(decided, last), now=noon(at)) == expected


def test_the_day_of_receipt_decides_where_no_decree_has_a_date() -> None:
    one = ban("2024-10-17", "2030-01-01", decree_date=None)
    assert seen(one)[0] is ACTIVE
    assert seen(replace(one, received_on=day("2024-10-16")))[0] is LAPSED


def test_ten_years_end_an_entry_ban_once_counsel_has_confirmed_them() -> None:
    one = ban("2026-02-01", "2041-02-01")
    assert seen(one, now=noon("2036-02-01"), legal=CONFIRMED) == (ACTIVE, ("TERM_CAPPED",))
    assert seen(one, now=noon("2036-02-02"), legal=CONFIRMED) == (LAPSED, ("TERM_CAPPED",))


@pytest.mark.parametrize("decided", ["2024-10-16", "2024-10-17"])
def test_an_entry_ban_for_life_without_a_ground_stays_in_force_and_is_flagged(decided: str) -> None:
    one = ban(decided, "9999-12-31")
    for law in (Law(), CONFIRMED):
        assert seen(one, now=noon("2060-01-01"), legal=law) == (ACTIVE, ("LIFE_WITHOUT_GROUND",))
    security = replace(one, ground=OrderGround.SECURITY_AND_PUBLIC_ORDER)
    assert seen(security, now=noon("2060-01-01"), legal=CONFIRMED) == (ACTIVE, ())


def test_an_entry_ban_for_life_on_another_ground_has_a_term_once_counsel_has_confirmed_that() -> None:
    one = ban("2026-02-01", "9999-12-31", ground=OrderGround.IMMIGRATION)
    assert seen(one, now=noon("2060-01-01")) == (ACTIVE, ("LIFE_WITHOUT_GROUND",))
    both = ("TERM_CAPPED", "LIFE_WITHOUT_GROUND")
    assert seen(one, now=noon("2036-02-01"), legal=CONFIRMED) == (ACTIVE, both)
    assert seen(one, now=noon("2036-02-02"), legal=CONFIRMED) == (LAPSED, both)


def chain(decided: str) -> list[BanOrder]:
    """A TANGKAL of 90 days and two extensions, each decided ten days before it begins."""
    papers = [ban(decided, str(day(decided) + timedelta(days=90)))]
    for key in ("T-2", "T-3"):
        first = papers[-1].valid_until + timedelta(days=1)
        paper = ban(str(first - timedelta(days=10)), str(first + timedelta(days=90)), key, valid_from=first)
        papers.append(replace(paper, extends_order_id=papers[-1].order_id))
    return papers


def test_an_entry_ban_was_extended_any_number_of_times_and_once_since_october_2024() -> None:
    for decided, law, expected in (
        ("2023-01-01", CONFIRMED, (ACTIVE, ())),
        ("2025-01-01", Law(), (ACTIVE, ("EXTENDED_TWICE_UNCONFIRMED",))),
        ("2025-01-01", CONFIRMED, (INVALID, ())),
    ):
        *before, last = chain(decided)
        assert seen(last, *before, now=noon(str(last.valid_from)), legal=law) == expected


# Permenimipas 13/2025, art. 13: extensions in time


@pytest.mark.parametrize(
    ("decided", "received", "expected"),
    [
        ("2025-12-15", "2025-12-15", (ACTIVE, ("EXTENSION_LATE_UNCONFIRMED",))),
        ("2025-12-16", "2025-12-16", (INVALID, ("CHECK_RECEIVED_ON",))),
        ("2025-12-12", "2025-12-17", (ACTIVE, ("EXTENSION_LATE_UNCONFIRMED",))),
    ],
)
def test_a_late_extension_is_void_since_16_december_2025(
    decided: str, received: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    base = order(valid_from=day("2025-07-01"), valid_until=day("2025-12-17"), decree_date=day("2025-07-01"))
    base = replace(base, received_on=day("2025-07-01"))
    one = extension(valid_from=day("2025-12-18"), valid_until=day("2026-06-01"), decree_date=day(decided))
    assert seen(replace(one, received_on=day(received)), base, now=noon("2026-01-10")) == expected


@pytest.mark.parametrize(
    ("decided", "received", "late"),
    [
        ("2026-06-27", "2026-06-27", False),
        ("2026-06-27", "2026-06-28", True),
        ("2026-06-28", "2026-06-28", True),
        ("2026-06-01", "2026-06-27", False),
    ],
)
def test_decision_and_receipt_lie_three_days_before_the_end(decided: str, received: str, late: bool) -> None:
    one = extension(decree_date=day(decided), received_on=day(received))
    found = judged(one, order(), now=noon("2026-08-01"))
    assert found.broken_rules == (("EXTENSION_LATE",) if late else ())
    assert found.article == ("Permenimipas 13/2025 Pasal 13" if late else "")


def test_a_late_extension_of_an_entry_ban_stays_in_force_and_is_flagged() -> None:
    base = ban("2026-01-01", "2026-06-30")
    one = ban("2026-06-29", "2027-06-30", "T-2", valid_from=day("2026-07-01"), extends_order_id="T-1")
    assert seen(one, base, now=noon("2026-08-01")) == (ACTIVE, ("EXTENSION_LATE_UNCONFIRMED",))
    assert seen(one, base, now=noon("2026-08-01"), legal=CONFIRMED) == (ACTIVE, ())
    after = replace(one, decree_date=day("2026-07-01"), received_on=day("2026-07-01"))
    assert judged(after, base, nationality="DEU").broken_rules == ("EXTENSION_GAP",)


# An extension whose base is not held (N5)


def test_an_extension_without_its_base_is_in_force_for_its_own_term() -> None:
    one = extension(extends_order_id="O-9")
    assert seen(one, now=noon("2026-06-30"))[0] is OrderStatus.NOT_YET_VALID
    assert seen(one, now=noon("2026-12-31")) == (ACTIVE, ("BASE_NOT_HELD",))
    assert seen(one, now=noon("2027-01-01")) == (LAPSED, ("BASE_NOT_HELD",))
    longer = replace(one, valid_until=day("2030-01-01"))
    assert seen(longer, now=noon("2027-01-01")) == (ACTIVE, ("TERM_CAPPED", "BASE_NOT_HELD"))
    assert seen(longer, now=noon("2027-01-02")) == (LAPSED, ("TERM_CAPPED", "BASE_NOT_HELD"))


def test_an_extension_of_what_the_person_has_under_another_key_is_in_force() -> None:
    for base in (order(subject_id="S-2"), order(subject_id="S-2", valid_until=day("2026-02-01"))):
        found = seen(extension(), elsewhere=[base], now=noon("2026-08-01"))
        assert found == (ACTIVE, ("BASE_UNDER_OTHER_KEY",))


def test_an_extension_of_an_order_of_another_kind_or_in_a_circle_is_judged_by_itself() -> None:
    other_kind = order(kind=OrderKind.TANGKAL)
    assert seen(extension(), other_kind, now=noon("2026-08-01")) == (ACTIVE, ("BASE_NOT_HELD",))
    one, other = extension("E-1", extends_order_id="E-2"), extension("E-2", extends_order_id="E-1")
    assert seen(one, other, now=noon("2026-08-01")) == (ACTIVE, ("BASE_NOT_HELD",))


def test_an_extension_of_a_void_order_or_of_one_that_had_ended_is_void() -> None:
    first, again = urgent("U-0", received_on=day("2026-01-01")), urgent()
    one = extension(extends_order_id="U-1", valid_from=day("2026-02-10"), received_on=day("2026-02-05"))
    one = replace(one, decree_date=day("2026-02-05"))
    assert "EXTENDS_INVALID_ORDER" in judged(one, first, again).broken_rules
    ended = order(valid_until=day("2026-05-01"))
    assert judged(extension(), ended).broken_rules == ("EXTENSION_LATE", "EXTENSION_GAP")


# Twenty days without a decree (N2)


def held_days(*papers: BanOrder, elsewhere: tuple[BanOrder, ...] = ()) -> list[date]:
    """The days of 2026 on which one of the papers stops the person."""
    found = []
    for number in range(365):
        at = date(2026, 1, 1) + timedelta(days=number)
        if any(status(one, *papers, now=noon(str(at)), elsewhere=elsewhere) is ACTIVE for one in papers):
            found.append(at)
    return found


DUE = day("2026-02-21")
FIRST_DAYS = [day("2026-02-01") + timedelta(days=number) for number in range(21)]
PLAIN: dict[str, Any] = {"urgent": False, "received_on": day("2026-02-15"), "valid_from": day("2026-02-15")}


def test_the_same_key_sent_again_as_not_urgent_lapses_with_the_twenty_days() -> None:
    again = urgent(**PLAIN, urgent_since=day("2026-02-01"))
    assert held_days(again)[-1] == DUE
    assert judged(again, now=noon("2026-02-22")).ended_by == "UNDECIDED"
    assert judged(again, now=noon("2026-02-22")).article == "Permenimipas 13/2025 Pasal 9"
    assert set(judged(again).flags) == {"URGENT_SENT_AGAIN", "NO_DECREE"}


@pytest.mark.parametrize("decided", ["2026-02-15", "2026-02-21", "2026-02-22", "2026-04-01"])
def test_a_decree_makes_the_same_key_an_order_of_its_own(decided: str) -> None:
    again = urgent(**PLAIN, urgent_since=day("2026-02-01"), decree_number="KEP-2", decree_date=day(decided))
    assert seen(again, now=noon("2026-07-31")) == (ACTIVE, ())


@pytest.mark.parametrize(
    "later",
    [
        {**PLAIN},
        {**PLAIN, "extends_order_id": "U-1", "valid_from": day("2026-02-16")},
        {**PLAIN, "requesting_agency": "KEJAKSAAN AGUNG R.I."},
        {**PLAIN, "requesting_agency": "Jaksa Agung"},
        {**PLAIN, "extends_order_id": "U-9"},
        {**PLAIN, "decree_number": "KEP-2"},
        {**PLAIN, "decree_date": day("2026-02-15")},
    ],
    ids=["not urgent", "extension", "spelling", "other name", "extension of nothing", "no date", "no number"],
)
def test_what_follows_an_urgent_order_without_a_decree_holds_nobody_longer(later: dict[str, Any]) -> None:
    first, second = urgent(), urgent("X-1", **later)
    assert held_days(first, second) == FIRST_DAYS
    assert "FOLLOWS_URGENT" in judged(second, first).flags or judged(second, first).broken_rules
    assert held_days(second, elsewhere=(replace(first, subject_id="S-2"),))[-1:] <= [DUE]


def test_a_second_urgent_order_in_another_spelling_is_invalid() -> None:
    for name in ("KEJAKSAAN AGUNG R.I.", "Kejaksaan Agung - Republik Indonesia", "Jaksa Agung", "KEJAGUNG"):
        again = urgent("U-2", requesting_agency=name, received_on=day("2026-02-15"), valid_from=day("2026-02-15"))
        assert judged(again, urgent()).broken_rules == ("URGENT_RESUBMITTED",)
        assert judged(again, urgent()).article == "Permenimipas 13/2025 Pasal 9"


def test_years_later_an_undecided_urgent_order_binds_what_comes_without_a_decree() -> None:
    later = urgent("X-1", urgent=False, received_on=day("2026-05-01"), valid_from=day("2026-05-01"))
    assert held_days(urgent(), later) == FIRST_DAYS


@pytest.mark.parametrize("decided", ["2026-02-01", "2026-02-15", "2026-02-21", "2026-04-01"])
def test_a_decision_between_frees_what_comes_after_it(decided: str) -> None:
    decision = order("D-1", decree_date=day(decided), received_on=day(decided), valid_from=day(decided))
    later = urgent("X-1", urgent=False, received_on=day("2026-05-01"), valid_from=day("2026-05-01"))
    assert seen(later, urgent(), decision, now=noon("2026-06-01")) == (ACTIVE, ("NO_DECREE",))


def test_an_urgent_order_that_was_decided_in_time_binds_nothing() -> None:
    first = urgent(decree_number="KEP-2", decree_date=day("2026-02-20"))
    early = urgent("X-1", urgent=False, received_on=day("2026-02-10"), valid_from=day("2026-02-10"))
    assert seen(early, first, now=noon("2026-03-01")) == (ACTIVE, ("NO_DECREE",))


def test_an_urgent_order_does_not_bind_another_agency_or_kind_or_what_came_before() -> None:
    for facts in ({"requesting_agency": "KPK"}, {"kind": OrderKind.TANGKAL}, {"received_on": day("2026-01-31")}):
        other = urgent("X-1", **PLAIN | facts)
        assert seen(other, urgent(), now=noon("2026-03-01")) == (ACTIVE, ("NO_DECREE",))


def test_an_order_with_a_decree_that_extends_an_urgent_one_is_in_force() -> None:
    one = extension(
        extends_order_id="U-1",
        received_on=day("2026-02-15"),
        valid_from=day("2026-02-20"),
        valid_until=day("2026-08-01"),
    )
    assert seen(replace(one, decree_date=day("2026-02-15")), urgent(), now=noon("2026-04-01")) == (ACTIVE, ())


def test_an_undecided_extension_does_not_stand_in_the_way_of_a_decided_one() -> None:
    undecided = urgent("X-1", **PLAIN, extends_order_id="U-1")
    one = extension(extends_order_id="U-1", received_on=day("2026-02-17"), valid_from=day("2026-02-20"))
    one = replace(one, valid_until=day("2026-08-01"), decree_date=day("2026-02-16"))
    assert seen(one, urgent(), undecided, now=noon("2026-04-01")) == (ACTIVE, ())


# What is flagged


@pytest.mark.parametrize(
    ("received", "lacks"),
    [
        ("2025-12-15", ()),
        ("2025-12-16", ("LACKS_SEX", "LACKS_NATIONALITY", "LACKS_BIRTH", "LACKS_PHOTOGRAPH", "LACKS_REASON")),
    ],
)
def test_an_urgent_order_names_five_facts_since_16_december_2025(received: str, lacks: tuple[str, ...]) -> None:
    one = urgent(received_on=day(received), valid_from=day(received), valid_until=day("2026-06-01"))
    bare = {"nationality": "", "sex": "", "date_of_birth": "", "photographed": False}
    assert seen(one, now=noon(received), **bare) == (ACTIVE, lacks)
    named = {"sex": "F", "date_of_birth": "1980", "photographed": True}
    assert seen(replace(one, reason="penyidikan"), now=noon(received), **named) == (ACTIVE, ())
    assert seen(one, now=noon(received), **bare | {"nik": "2171013101800001"}) == (ACTIVE, lacks), (
        "it is no nationality"
    )


def test_an_order_without_a_decree_is_in_force_and_flagged() -> None:
    for facts in ({"decree_number": ""}, {"decree_date": None}):
        assert seen(order(**facts)) == (ACTIVE, ("NO_DECREE",))


@pytest.mark.parametrize(("decided", "flags"), [("2026-01-01", ()), ("2026-01-02", ("WITNESS",))])
def test_an_exit_ban_on_a_witness_is_flagged_since_2_january_2026(decided: str, flags: tuple[str, ...]) -> None:
    one = order(decree_date=day(decided), received_on=day(decided), person_status=PersonStatus.WITNESS)
    for law in (Law(), CONFIRMED):
        assert seen(one, legal=law) == (ACTIVE, flags)
    for other in (PersonStatus.SUSPECT, PersonStatus.DEFENDANT, None):
        assert seen(replace(one, person_status=other)) == (ACTIVE, ())


def test_an_agency_that_is_not_known_is_flagged() -> None:
    assert seen(order(requesting_agency="Dinas Perhubungan")) == (ACTIVE, ("AGENCY_UNKNOWN",))


def test_what_ended_an_order_is_named() -> None:
    at = noon("2026-08-01")
    assert judged(order(), now=at).ended_by == "TERM_OVER"
    assert judged(order(revoked_at=noon("2026-03-01")), now=at).ended_by == "REVOKED"
    assert judged(order(withdrawn_at=noon("2026-03-01")), now=at).ended_by == "WITHDRAWN"
    assert judged(extension(), order(revoked_at=noon("2026-03-01")), now=at).ended_by == "BASE_REVOKED"
    assert judged(order(), now=noon("2026-03-01")).ended_by is None
