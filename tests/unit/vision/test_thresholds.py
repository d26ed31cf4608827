from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.vision.thresholds import LikenessModel, Provenance, ThresholdModel

PROVENANCE = Provenance("some faces", "mine-1234", "2026-11-25", 300, 900, 3, "0.1.0")
MODEL = ThresholdModel(1000, 0.45, 0.05, 0.02, 0.0, PROVENANCE)
LIKENESS = LikenessModel(0.6, 0.75, 5e-5, 0.012, PROVENANCE)
shapes = st.floats(-0.3, 0.3)
sizes = st.integers(1, 2_000_000)
fpirs = st.floats(1e-6, 0.1)


def test_at_the_tails_beginning_its_rate_alerts():
    assert MODEL.threshold(1000, -math.expm1(-0.05)) == pytest.approx(0.45)
    assert MODEL.fpir(1000, 0.45) == pytest.approx(-math.expm1(-0.05))


def test_an_exponential_tail_adds_the_same_for_each_tenfold_list():
    steps = [MODEL.threshold(10 * size, 1e-3) - MODEL.threshold(size, 1e-3) for size in (1_000, 10_000)]
    assert steps == pytest.approx([0.02 * math.log(10)] * 2)


def test_a_hundredth_of_the_fpir_costs_what_a_hundredfold_list_costs():
    assert MODEL.threshold(1000, 1e-5) == pytest.approx(MODEL.threshold(100_000, 1e-3), abs=1e-4)


@given(shapes, sizes, fpirs)
def test_the_threshold_keeps_the_fpir_that_it_was_asked_for(shape: float, size: int, fpir: float):
    model = replace(MODEL, shape=shape)
    threshold = model.threshold(size, fpir)
    assert -1 < threshold < 1
    if threshold < 0.999:  # a tail so heavy that no score would do
        assert model.fpir(size, threshold) <= fpir * 1.001 + 1e-9


@given(shapes, sizes, sizes, fpirs)
def test_a_larger_list_never_has_a_lower_threshold(shape: float, one: int, other: int, fpir: float):
    model = replace(MODEL, shape=shape)
    smaller, larger = sorted((one, other))
    assert model.threshold(smaller, fpir) <= model.threshold(larger, fpir)


@given(sizes)
def test_an_empty_list_and_a_list_of_one_have_a_threshold_as_well(size: int):
    assert MODEL.threshold(0, 1e-3) == MODEL.threshold(1, 1e-3) <= MODEL.threshold(size, 1e-3)


def test_a_tiny_list_does_not_get_a_threshold_from_the_ordinary_scores():
    assert MODEL.threshold(1, 0.1) == pytest.approx(0.45 - 0.02 * math.log(4))


def test_measured_is_what_the_passages_could_show():
    assert MODEL.is_measured(1000, 3 / 900)
    assert not MODEL.is_measured(1000, 2.9 / 900)
    assert MODEL.is_measured(100, 0.301 / 900), "in a tenth of the list, a tenth of the false alerts"
    assert MODEL.lowest_measured(2000) == pytest.approx(6 / 900)
    assert not replace(MODEL, provenance=replace(PROVENANCE, passages=0)).is_measured(10, 0.1)


def test_what_is_written_reads_as_it_was():
    for model in (MODEL, replace(MODEL, pairs=50)):
        assert ThresholdModel.from_json(model.to_json()) == model


def test_a_manifest_of_an_earlier_version_does_not_say_how_certain_it_is():
    document = MODEL.to_json()
    del document["pairs"]
    model = ThresholdModel.from_json(document)
    assert model.threshold_interval(400, 1e-4) is model.fpir_interval(400, 0.5) is None
    assert model.in_words(1_000, 1e-4) == "0.574"


def test_the_interval_widens_with_extrapolation_and_narrows_with_pairs():
    widths = {}
    for pairs in (50, 200):
        for fpir in (1e-2, 1e-4):
            low, high = replace(MODEL, pairs=pairs).threshold_interval(1_000, fpir) or (0.0, 0.0)
            assert low < MODEL.threshold(1_000, fpir) < high
            widths[pairs, fpir] = high - low
    assert widths[50, 1e-4] > widths[50, 1e-2]
    assert widths[50, 1e-4] == pytest.approx(2 * widths[200, 1e-4], rel=0.2)


def test_the_interval_of_the_fpir_is_that_of_the_threshold_turned_round():
    model = replace(MODEL, pairs=50)
    low, high = model.threshold_interval(400, 1e-3) or (0.0, 0.0)
    assert (model.fpir_interval(400, low) or (0.0, 0.0))[0] == pytest.approx(1e-3)
    assert (model.fpir_interval(400, high) or (0.0, 0.0))[1] == pytest.approx(1e-3)
    assert model.in_words(400, 1e-3) == f"{model.threshold(400, 1e-3):.3f} ({low:.3f} to {high:.3f})"


@pytest.mark.parametrize(
    "fields",
    [
        {"list_size": 0},
        {"tail_from": 1.0},
        {"tail_rate": 0.0},
        {"scale": -0.1},
        {"shape": 1.0},
        {"shape": math.nan},
        {"scale": math.inf},
        {"pairs": -1},
    ],
)
def test_figures_that_make_no_sense_are_refused(fields: dict[str, float]):
    with pytest.raises(ValueError, match="threshold model"):
        ThresholdModel.from_json(MODEL.to_json() | fields)


@pytest.mark.parametrize(
    ("score", "subject_score", "same"),
    [
        (0.59, 0.5, False),
        (0.6, 0.5, True),
        (0.65, 0.7, False),
        (0.71, 0.7, True),
        (0.75, 0.9, True),
        (0.74, 0.9, False),
    ],
)
def test_passages_are_of_one_person_when_they_are_more_alike_than_one_and_the_subject(
    score: float, subject_score: float, same: bool
):
    assert LIKENESS.same(score, subject_score) is same


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0.8}, {"sure": 1.0}, {"threshold": -1.0}, {"fmr": 2.0}, {"fnmr": -0.1}]
)
def test_a_likeness_model_that_makes_no_sense_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match="likeness model"):
        replace(LIKENESS, **wrong)


def test_a_likeness_model_reads_back_as_it_was_written():
    assert LikenessModel.from_json(LIKENESS.to_json()) == LIKENESS
