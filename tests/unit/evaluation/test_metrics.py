from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.evaluation.statistics.metrics import (
    det_curve,
    fnir,
    fpir,
    operating_point,
    probes_needed,
    rank_1,
    rate,
    threshold_at,
)
from cekalwatch.evaluation.statistics.trials import Trials

scores = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


def trials(mated: list[float], non_mated: list[float], people: list[int] | None = None) -> Trials:
    mine = np.arange(len(mated)) if people is None else np.array(people)
    others = np.arange(len(non_mated)) + 1000
    return Trials(
        np.array(mated, np.float32),
        mine,
        np.array([""] * len(mated)),
        np.array(non_mated, np.float32),
        others,
        others,
        np.array([""] * len(non_mated)),
    )


def test_rates_count_as_the_server_decides():
    one = trials([0.3, 0.5, 0.7, -1], [0.1, 0.5, 0.6, 0.2])
    assert fnir(one, 0.5) == 0.5, "a score of just the threshold alerts"
    assert fpir(one, 0.5) == 0.5
    assert rank_1(one) == 0.75


@given(scores, st.floats(0.001, 0.9))
def test_a_threshold_keeps_its_fpir_and_is_the_lowest_that_does(non_mated: list[float], wanted: float):
    one = trials([0.5], non_mated)
    threshold = threshold_at(one, wanted)
    rounding = 1e-12
    assert fpir(one, threshold) <= wanted + rounding
    lower = np.nextafter(np.float32(threshold), np.float32(-2))
    assert fpir(one, float(lower)) > wanted - rounding


def test_probes_needed_are_three_over_the_fpir():
    assert probes_needed(1e-2) == 300
    assert probes_needed(0.3) == 10


def test_nothing_seen_is_bounded_by_the_rule_of_three_of_people():
    found = rate(np.zeros(100, bool), np.repeat(np.arange(25), 4), seed=0)
    assert (found.value, found.low, found.high) == (0, 0, 3 / 25)
    always = rate(np.ones(100, bool), np.repeat(np.arange(25), 4), seed=0)
    assert (always.low, always.high) == (1 - 3 / 25, 1)


def test_intervals_are_by_person_not_by_trial():
    people = np.repeat(np.arange(40), 10)
    concentrated = np.isin(people, [3, 17])
    scattered = np.arange(400) % 20 == 0
    assert concentrated.mean() == scattered.mean()
    one, other = rate(concentrated, people, 0), rate(scattered, people, 0)
    assert one.high - one.low > 2 * (other.high - other.low)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(5)
    people = np.repeat(np.arange(80), 5)
    hits = 0
    for seed in range(100):
        found = rate(generator.random(400) < 0.2, people, seed)
        hits += found.low <= 0.2 <= found.high
    assert 88 <= hits <= 100


def test_a_points_interval_knows_that_the_threshold_is_measured_too():
    generator = np.random.default_rng(1)
    few = trials(list(generator.normal(0.6, 0.1, 300)), list(generator.normal(0.3, 0.1, 60)))
    point = operating_point(few, 0.05, 0)
    fixed = rate(few.mated < point.threshold, few.mated_person, 0)
    assert point.misses.value == fixed.value
    assert point.misses.high - point.misses.low > fixed.high - fixed.low


def test_nobody_measured_has_no_rate():
    assert np.isnan(rate(np.zeros(0, bool), np.zeros(0, int), 0).value)


@given(scores, scores)
def test_the_trade_off_trades(mated: list[float], non_mated: list[float]):
    thresholds, false_alerts, misses = det_curve(trials(mated, non_mated))
    assert (np.diff(thresholds) > 0).all()
    assert (np.diff(false_alerts) <= 1e-12).all()
    assert (np.diff(misses) >= -1e-12).all()
    middle = len(thresholds) // 2
    assert false_alerts[middle] == pytest.approx(fpir(trials(mated, non_mated), thresholds[middle]))
