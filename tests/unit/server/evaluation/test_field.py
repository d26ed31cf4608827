"""What adjudications say of recognition, on alerts and passages whose numbers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cekalwatch.server.domain.alerts.false_alerts import AlertVerdict, FieldAlert, PassageCount, verdict_of
from cekalwatch.server.evaluation.report.field_screen import field_json, field_page
from cekalwatch.server.evaluation.statistics.field import FieldData, FieldReport, exact_rate, field_report
from cekalwatch.wire.vocabulary.adjudication import Outcome, Reason
from cekalwatch.wire.vocabulary.orders import Direction
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
) -> FieldAlert:
    return FieldAlert(camera, "batam-center", direction, at, score, 0.5, version, passages, found)


def count(
    passages: int, *, camera: str = "dep-1", direction: Direction = Direction.DEPARTURE, at: datetime = NOON
) -> PassageCount:
    return PassageCount(camera, "batam-center", direction, at, passages)


def report(alerts: list[FieldAlert], counts: list[PassageCount]) -> FieldReport:
    return field_report(FieldData(NOON - timedelta(1), NOON + timedelta(1), "", alerts, counts), WIB)


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
    (halving,) = report([alert(score) for score in scores], [count(10)]).halvings
    assert halving.false_alerts_left == left
    assert halving.false_alerts == len(scores)


def test_the_halving_threshold_says_what_it_would_have_missed():
    right = [alert(score, AlertVerdict.CONFIRMED) for score in (0.55, 0.6, 0.9)]
    (halving,) = report([alert(0.6), alert(0.8), *right], [count(10)]).halvings
    assert halving.threshold > 0.6
    assert (halving.confirmed, halving.confirmed_missed) == (3, 2)


def test_scores_of_different_models_are_never_mixed():
    halvings = report([alert(0.6), alert(0.2, version="model-2"), alert(0.3, version="model-2")], []).halvings
    assert [(one.model_version, one.false_alerts, one.false_alerts_left) for one in halvings] == [
        ("model-1", 1, 0),
        ("model-2", 2, 1),
    ]


def test_what_was_learned_stands_beside_the_alerts_figures():
    data = FieldData(
        NOON - timedelta(1), NOON + timedelta(1), "", [alert(0.6)], [count(10)], [learned("model-1", 0.06)]
    )
    (figures,) = field_report(data, WIB).learned
    assert (figures.threshold, figures.low, figures.high) == pytest.approx((0.56, 0.53, 0.58))
    assert (figures.passages, figures.counting, figures.left_out) == (4_000, 3_600, ("dep-9",))


def test_too_few_passages_give_no_interval():
    known = learned("model-1", 0.0)
    few = replace(known, findings=replace(known.findings, passages=140, weight=140.0, tail=None, low=0.0, high=0.0))
    whole = field_report(FieldData(NOON, NOON, "", [alert(0.6)], [], [few]), WIB)
    assert json.loads(field_json(whole))["learned"][0]["low"] is None
    page = " ".join(field_page(whole, 1, NOON, None).split())
    assert "too few passages for a threshold of the site&#39;s own: 140 passages counted" in page


def test_an_exact_interval_of_nothing_is_near_the_rule_of_three():
    rate = exact_rate(0, 1000)
    assert rate.low == 0
    assert rate.high == pytest.approx(3.7e-3, rel=0.02)  # two-sided: 1 - 0.025 ** (1 / n)


@pytest.mark.parametrize(
    ("findings", "says"),
    [
        ([], AlertVerdict.OPEN),
        ([(Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)], AlertVerdict.FALSE_ALERT),
        ([(Outcome.NOT_SAME_PERSON, Reason.OTHER)], AlertVerdict.FALSE_ALERT),
        ([(Outcome.REFERRED, Reason.FACE_AGREES)], AlertVerdict.OPEN),
        (
            [
                (Outcome.REFERRED, Reason.FACE_AGREES),
                (Outcome.CLEARED, Reason.NOT_LISTED_IN_CEKAL_ONLINE),
            ],
            AlertVerdict.FALSE_ALERT,
        ),
        ([(Outcome.REFERRED, Reason.FACE_AGREES), (Outcome.CLEARED, Reason.ORDER_ENDED)], AlertVerdict.OPEN),
        (
            [(Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR), (Outcome.CLEARED, Reason.TRAVELLER_GONE)],
            AlertVerdict.OPEN,
        ),
        (
            [
                (Outcome.REFERRED, Reason.FACE_AGREES),
                (Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE),
            ],
            AlertVerdict.CONFIRMED,
        ),
    ],
)
def test_a_verdict_is_what_people_said_of_the_person(findings: list[tuple[Outcome, Reason]], says: AlertVerdict):
    assert verdict_of(findings) is says


def test_the_first_hour_is_told_by_the_sites_clock():
    midnight = datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert [line.key for line in report([], [count(5, at=midnight)]).hours] == ["00:00"]
