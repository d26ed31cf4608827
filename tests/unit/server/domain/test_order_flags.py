"""CEGAH orders that follow one another without naming what they extend: they stay in force, and are flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderStatus, RevocationGround
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement
from cekalwatch.server.domain.orders.law_table import Law
from tests.support.builders.orders import day, extension, judged, noon
from tests.support.builders.watchlist import order
from tests.unit.server.domain.test_order_law import PlainLaw

FLAGGED = (OrderFlag.RENEWED_TOO_LONG,)
FIRST = order("O-1", valid_until=day("2026-06-30"))
SECOND = order("O-2", valid_from=day("2026-07-01"), valid_until=day("2026-12-31"), received_on=day("2026-06-20"))
THIRD = order("O-3", valid_from=day("2027-01-01"), valid_until=day("2027-06-30"), received_on=day("2026-12-20"))


def flags(*papers: BanOrder, **circumstances: Any) -> list[tuple[OrderFlag, ...]]:
    found = [judgement(one, papers, **circumstances).flags for one in papers]
    return [tuple(flag for flag in each if not flag.startswith("CHECK_")) for each in found]


def judgement(one: BanOrder, papers: tuple[BanOrder, ...], **circumstances: Any) -> OrderJudgement:
    return judged(one, *(other for other in papers if other is not one), **circumstances)


def test_orders_that_follow_one_another_for_more_than_a_year_are_flagged_and_stay_in_force() -> None:
    papers = FIRST, SECOND, THIRD
    assert flags(*papers) == [FLAGGED] * 3
    days = [noon("2026-01-01") + timedelta(days=number) for number in range(546)]
    assert all(any(judgement(one, papers, now=at).status is OrderStatus.ACTIVE for one in papers) for at in days)


def test_a_year_together_is_not_too_long() -> None:
    assert flags(FIRST, SECOND) == [(), ()]


def test_an_order_with_its_extension_is_not_flagged() -> None:
    base = order("O-1", valid_until=day("2026-07-01"))
    assert flags(base, extension(valid_from=day("2026-07-02"), valid_until=day("2027-01-02"))) == [(), ()]


def test_a_new_order_after_an_order_and_its_extension_is_flagged() -> None:
    assert flags(FIRST, extension(), THIRD) == [FLAGGED] * 3


@pytest.mark.parametrize(
    "third",
    [
        {"requesting_agency": "KPK"},
        {"kind": OrderKind.TANGKAL},
        {"valid_from": day("2027-02-01"), "valid_until": day("2027-07-31")},
        {"revoked_at": noon("2026-12-30")},
        {"extends_order_id": "O-1"},
    ],
    ids=["another agency", "another kind", "after a gap", "taken back before", "invalid"],
)
def test_orders_that_do_not_follow_one_another_are_not_flagged(third: dict[str, Any]) -> None:
    assert flags(FIRST, SECOND, replace(THIRD, **third), nationality="DEU") == [()] * 3


def test_the_days_between_do_not_count() -> None:
    late = order("O-2", valid_from=day("2026-07-30"), valid_until=day("2027-01-29"), received_on=day("2026-07-20"))
    assert flags(FIRST, late) == [(), ()]
    assert flags(FIRST, late, legal=Law.of(LegalParameters(cegah_total_months=11))) == [FLAGGED] * 2
    strict = Law.of(LegalParameters(cegah_total_months=11, cegah_gap_days=28))
    assert flags(FIRST, late, legal=strict) == [(), ()]


def test_an_order_that_was_taken_back_counts_until_then() -> None:
    short = replace(SECOND, revoked_at=noon("2026-08-01"))
    follows = replace(THIRD, valid_from=day("2026-08-10"), valid_until=day("2026-12-31"), received_on=day("2026-08-02"))
    assert flags(FIRST, short, follows) == [()] * 3
    assert flags(FIRST, short, replace(follows, valid_until=day("2027-02-09"))) == [FLAGGED] * 3


@st.composite
def renewals(draw: st.DrawFn) -> tuple[BanOrder, ...]:
    """Orders of about half a year each, one after another, some of which name what they extend."""
    begins, papers = date(2026, 1, 1), list[BanOrder]()
    for key in "ABCDE"[: draw(st.integers(2, 5))]:
        last = (
            begins + relativedelta(months=draw(st.sampled_from([6, 6, 6, 4]))) - timedelta(days=draw(st.integers(0, 2)))
        )
        revoked = draw(st.none() | st.none() | st.none() | st.integers(0, 183))
        papers.append(
            order(
                key,
                requesting_agency=draw(st.sampled_from(["KPK", "kpk ", "KPK", "Polri"])),
                valid_from=begins,
                valid_until=last,
                received_on=begins - timedelta(days=10),
                extends_order_id=papers[-1].order_id if papers and draw(st.integers(0, 4)) == 0 else "",
                revoked_at=noon(str(begins + timedelta(days=revoked))) if revoked else None,
            )
        )
        begins = last + timedelta(days=draw(st.sampled_from([1, 1, 1, 0, -30, 25, 31, 32])))
    return tuple(papers)


@pytest.mark.slow
@given(papers=renewals())
def test_renewals_are_flagged_exactly_when_the_calendar_says_more_than_a_year(papers: tuple[BanOrder, ...]) -> None:
    law = PlainLaw(papers, "IDN", noon("2026-03-01"))
    renewed = [tuple(flag for flag in found if flag in FLAGGED) for found in flags(*papers)]
    assert renewed == [FLAGGED if law.flagged(one) else () for one in papers]


@pytest.mark.parametrize(
    "stated", [{"revocation_ground": RevocationGround.COURT}, {"revocation_reference": "12/Pid.Pra/2026"}]
)
def test_a_revocation_whose_moment_nobody_states_ends_nothing_and_is_flagged(stated: dict[str, Any]) -> None:
    found = judged(replace(FIRST, **stated))
    assert (found.status, found.flags) == (OrderStatus.ACTIVE, (OrderFlag.REVOKED_WITHOUT_MOMENT,))
    dated = judged(replace(FIRST, revoked_at=noon("2026-02-01"), **stated))
    assert (dated.status, dated.flags) == (OrderStatus.REVOKED, ())
