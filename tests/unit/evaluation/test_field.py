"""What adjudications say of recognition, on alerts and passages whose numbers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.reports import FieldReport
from cekalwatch.evaluation.report.field_screen import field_json, field_page
from cekalwatch.server.domain.alerts.field_report import MAX_AGENCIES, FieldSpan, field_report, wilson_rate
from cekalwatch.server.domain.alerts.field_sums import AlertVerdict, FieldAlert, FieldSums, PassageCount, verdict_of
from tests.support.builders.alerts import NOON
from tests.support.builders.learned import learned
from tests.support.builders.watchlist import WIB


def alert(
    score: float,
    found: AlertVerdict = AlertVerdict.FALSE_ALERT,
    *,
    camera: str = "dep-1",
    direction: Direction = Direction.DEPARTURE,
    at: datetime = NOON,
    version: str = "model-1",
    passages: int = 1,
    **facts: Any,
) -> FieldAlert:
    facts.setdefault("counter", "D1")
    facts.setdefault("raised_at", at)
    return FieldAlert(camera, "batam-center", direction, at, score, 0.5, version, passages, found, **facts)


def count(
    passages: int, *, camera: str = "dep-1", direction: Direction = Direction.DEPARTURE, at: datetime = NOON
) -> PassageCount:
    return PassageCount(camera, "batam-center", direction, at, passages)


SPAN = FieldSpan(NOON - timedelta(1), NOON + timedelta(1))
AGENCIES = {("A-1", "O-1"): "KPK", ("A-1", "O-2"): "Kejaksaan Agung"}


def report(alerts: list[FieldAlert], counts: list[PassageCount]) -> FieldReport:
    return field_report(SPAN, FieldSums.of(alerts, counts, AGENCIES, WIB), 1, NOON)


def test_the_fpir_counts_passages_of_false_alerts_among_those_of_people_who_were_not_confirmed():
    alerts = [alert(0.6, passages=2), alert(0.9, AlertVerdict.CONFIRMED, passages=3), alert(0.7, AlertVerdict.OPEN)]
    whole = report(alerts, [count(1003)]).whole
    assert (whole.false_alerts, whole.confirmed, whole.open) == (1, 1, 1)
    assert (whole.fpir.events, whole.fpir.trials) == (2, 1000)
    assert whole.fpir.value == pytest.approx(0.002)
    assert whole.fpir.low < 0.002 < whole.fpir.high


def test_cameras_lists_and_hours_have_their_own_figures():
    later = NOON + timedelta(hours=3)
    figures = report(
        [alert(0.6), alert(0.7), alert(0.6, camera="arr-1", direction=Direction.ARRIVAL, at=later)],
        [
            count(100),
            count(100, at=later),
            count(50, camera="arr-1", direction=Direction.ARRIVAL, at=later),
        ],
    )
    assert [(line.key, line.false_alerts, line.passages) for line in figures.cameras] == [
        ("arr-1", 1, 50),
        ("dep-1", 2, 200),
    ]
    assert [(line.key, line.passages) for line in figures.lists] == [("CEGAH", 200), ("TANGKAL", 50)]
    assert [(line.key, line.false_alerts) for line in figures.hours] == [("12:00", 2), ("15:00", 1)]


def test_an_alert_without_counted_passages_gives_no_rate_and_no_error():
    whole = report([alert(0.6)], []).whole
    assert whole.false_alerts == 1
    assert whole.fpir.value != whole.fpir.value


@pytest.mark.parametrize(
    ("scores", "left"), [([0.6], 0), ([0.5, 0.6], 1), ([0.5, 0.6, 0.7], 1), ([0.5, 0.6, 0.7, 0.8], 2), ([0.6] * 4, 0)]
)
def test_the_halving_threshold_leaves_at_most_half_of_the_false_alerts(scores: list[float], left: int):
    (what_if,) = report([alert(score) for score in scores], [count(10)]).what_ifs
    assert what_if.false_alerts_left == left
    assert what_if.false_alerts == len(scores)


def test_the_halving_threshold_says_what_it_would_have_missed():
    right = [alert(score, AlertVerdict.CONFIRMED) for score in (0.55, 0.6, 0.9)]
    (what_if,) = report([alert(0.6), alert(0.8), *right], [count(10)]).what_ifs
    assert what_if.threshold > 0.6
    assert (what_if.confirmed, what_if.confirmed_missed) == (3, 2)


def test_scores_of_different_models_are_never_mixed():
    what_ifs = report([alert(0.6), alert(0.2, version="model-2"), alert(0.3, version="model-2")], []).what_ifs
    assert [(one.model_version, one.false_alerts, one.false_alerts_left) for one in what_ifs] == [
        ("model-1", 1, 0),
        ("model-2", 2, 1),
    ]


def test_what_was_learned_stands_beside_the_alerts_figures():
    sums = FieldSums.of([alert(0.6)], [count(10)], AGENCIES, WIB)
    (figures,) = field_report(SPAN, sums, 1, NOON, [learned("model-1", 0.06).figures]).learned
    assert figures.interval
    assert (figures.threshold, figures.interval.low, figures.interval.high) == pytest.approx((0.56, 0.53, 0.58))
    assert (figures.passages, figures.counting, figures.left_out) == (4_000, 3_600, ("dep-9",))


def test_too_few_passages_give_no_interval():
    known = learned("model-1", 0.0)
    few = replace(known, findings=replace(known.findings, passages=140, weight=140.0, tail=None, low=0.0, high=0.0))
    whole = field_report(SPAN, FieldSums.of([alert(0.6)], [], AGENCIES, WIB), 1, NOON, [few.figures])
    assert json.loads(field_json(whole))["learned"][0]["interval"] is None
    page = " ".join(field_page(whole).split())
    assert "too few passages for a threshold of the site&#39;s own: 140 passages counted" in page


def test_an_alert_counts_for_each_agency_that_it_points_to_among_the_passages_of_its_list():
    figures = report(
        [
            alert(0.6, orders=(("A-1", "O-1"), ("A-1", "O-2"))),
            alert(0.6, AlertVerdict.OPEN, orders=(("A-1", "O-1"),)),
            alert(0.9, AlertVerdict.CONFIRMED, orders=(("A-1", "O-9"),)),
            alert(0.6, camera="arr-1", direction=Direction.ARRIVAL, orders=(("A-1", "O-1"),)),
        ],
        [count(1000), count(500, camera="arr-1", direction=Direction.ARRIVAL)],
    )
    told = [
        (line.kind, line.key, line.false_alerts, line.open, line.confirmed, line.passages) for line in figures.agencies
    ]
    assert told == [
        ("CEGAH", "KPK", 1, 1, 0, 1000),
        ("CEGAH", "", 0, 0, 1, 1000),
        ("CEGAH", "Kejaksaan Agung", 1, 0, 0, 1000),
        ("TANGKAL", "KPK", 1, 0, 0, 500),
    ]
    assert figures.agencies[0].fpir.value == pytest.approx(1 / 1000)


def test_of_many_agencies_those_with_the_most_alerts_are_told():
    alerts = [alert(0.6, orders=(("A-1", f"N-{number}"),)) for number in range(MAX_AGENCIES + 5)]
    alerts += [alert(0.6, orders=(("A-1", "N-54"),))]
    names = {("A-1", f"N-{number}"): f"agency {number}" for number in range(MAX_AGENCIES + 5)}
    lines = field_report(SPAN, FieldSums.of(alerts, [], names, WIB), 1, NOON).agencies
    assert len(lines) == MAX_AGENCIES
    assert (lines[0].key, lines[0].alerts) == ("agency 54", 2)


def test_waits_are_told_by_their_middle_and_by_what_19_of_20_had():
    alerts = [alert(0.6, claimed_after_s=float(seconds)) for seconds in range(1, 102)]
    figures = report([*alerts, alert(0.6, decided_after_s=30.0, escalated=True)], [])
    assert (figures.claims.count, figures.claims.p50_s, figures.claims.p95_s) == (101, 51.0, 96.0)
    assert (figures.decisions.count, figures.decisions.p50_s, figures.decisions.p95_s) == (1, 30.0, 30.0)
    assert figures.escalated == 1
    assert report([], []).claims.count == 0


def test_sums_of_two_spans_give_the_figures_of_both_together():
    later = NOON + timedelta(hours=30)
    ours = [
        alert(0.6, orders=(("A-1", "O-1"),), claimed_after_s=5.0, passages=2),
        alert(0.8, AlertVerdict.CONFIRMED, at=later, orders=(("A-1", "O-2"),), decided_after_s=9.0, escalated=True),
        alert(0.7, AlertVerdict.OPEN, at=later, version="model-2", camera="arr-1", direction=Direction.ARRIVAL),
    ]
    counts = [count(100), count(50, at=later), count(7, at=later, camera="arr-1", direction=Direction.ARRIVAL)]
    summed = FieldSums()
    for alerts, passed in (([ours[0]], [counts[0]]), (ours[1:], counts[1:])):
        summed.add(FieldSums.of(alerts, passed, AGENCIES, WIB))
    assert field_json(field_report(SPAN, summed, 1, NOON)) == field_json(report(ours, counts))


def test_the_busiest_ten_minutes_of_a_counter_are_told():
    def raised(*minutes: float, counter: str = "D1") -> list[FieldAlert]:
        return [alert(0.6, counter=counter, raised_at=NOON + timedelta(minutes=one)) for one in minutes]

    alerts = [*raised(0, 9.9, 10, 19), *raised(1, 2, counter="D2")]
    assert report(alerts, []).busiest == 3, "9.9, 10 and 19"
    summed = FieldSums.of(raised(0, 1), [], AGENCIES, WIB)
    summed.add(FieldSums.of(raised(3), [], AGENCIES, WIB))
    assert field_report(SPAN, summed, 1, NOON).busiest == 2
    assert report([], []).busiest == 0


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (2, 15_000, 3.657e-5, 4.861e-4),
    ],
)
def test_intervals_are_those_of_wilson(events: int, trials: int, low: float, high: float):
    rate = wilson_rate(events, trials)
    assert (rate.value, rate.events, rate.trials) == (events / trials, events, trials)
    assert (rate.low, rate.high) == pytest.approx((low, high), rel=2e-3, abs=1e-12)
    if not events:
        assert rate.low == 0


def test_fewer_trials_than_events_give_no_share():
    assert wilson_rate(0, 0).value != wilson_rate(0, 0).value
    assert wilson_rate(2, 1).high != wilson_rate(2, 1).high


@pytest.mark.parametrize(
    ("findings", "says"),
    [
        ([], AlertVerdict.OPEN),
        ([("S-1", Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)], AlertVerdict.FALSE_ALERT),
        ([("S-1", Outcome.NOT_SAME_PERSON, Reason.OTHER)], AlertVerdict.FALSE_ALERT),
        ([("S-1", Outcome.REFERRED, Reason.FACE_AGREES)], AlertVerdict.OPEN),
        (
            [
                ("S-1", Outcome.REFERRED, Reason.FACE_AGREES),
                ("S-1", Outcome.CLEARED, Reason.NOT_LISTED_IN_CEKAL_ONLINE),
            ],
            AlertVerdict.FALSE_ALERT,
        ),
        (
            [("S-1", Outcome.REFERRED, Reason.FACE_AGREES), ("S-1", Outcome.CLEARED, Reason.ORDER_ENDED)],
            AlertVerdict.OPEN,
        ),
        (
            [("S-1", Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR), ("S-1", Outcome.CLEARED, Reason.TRAVELLER_GONE)],
            AlertVerdict.OPEN,
        ),
        (
            [
                ("S-1", Outcome.REFERRED, Reason.FACE_AGREES),
                ("S-1", Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE),
            ],
            AlertVerdict.CONFIRMED,
        ),
        (
            [
                ("S-1", Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS),
                ("S-2", Outcome.CLEARED, Reason.TRAVELLER_GONE),
            ],
            AlertVerdict.OPEN,
        ),
        (
            [
                ("S-1", Outcome.CLEARED, Reason.TRAVELLER_GONE),
                ("S-1", Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS),
            ],
            AlertVerdict.FALSE_ALERT,
        ),
    ],
)
def test_a_verdict_is_what_people_said_of_the_person(findings: list[tuple[str, Outcome, Reason]], says: AlertVerdict):
    assert verdict_of(findings) is says


def test_the_first_hour_is_told_by_the_sites_clock():
    midnight = datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert [line.key for line in report([], [count(5, at=midnight)]).hours] == ["00:00"]
