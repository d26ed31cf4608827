from __future__ import annotations

import dataclasses

import pytest

from cekalwatch.camera.survey.findings import (
    Distribution,
    Recording,
    SurveyedPassage,
    SurveyResult,
    findings,
)
from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.contract.values.surveys import Advice, Grade
from cekalwatch.vision.fitness import Flaw, flaws

FIT = FaceQuality(eye_distance_px=75, yaw_degrees=5, pitch_degrees=-4, sharpness=0.6, brightness=0.5, score=0.7)
RECORDING = Recording("gate", "light", 1280, 720, seconds=600, frames=9000)
SPOILT = {
    Flaw.SMALL: {"eye_distance_px": 59.9},
    Flaw.TURNED: {"yaw_degrees": -31.0},
    Flaw.NODDING: {"pitch_degrees": 31.0},
    Flaw.BLURRED: {"sharpness": 0.2},
    Flaw.DARK: {"brightness": 0.2},
    Flaw.BRIGHT: {"brightness": 0.8},
}


def face(**changes: float) -> FaceQuality:
    return dataclasses.replace(FIT, **changes)


def of(passages: int, *spoilt: FaceQuality, rate: float = 15.0) -> SurveyResult:
    """The findings of so many fit passages, and one of each spoilt face."""
    all_passages = [SurveyedPassage(number, [FIT]) for number in range(passages)]
    all_passages += [SurveyedPassage(1000 + number, [quality]) for number, quality in enumerate(spoilt)]
    return findings(dataclasses.replace(RECORDING, frames=round(rate * 600)), all_passages)


@pytest.mark.parametrize("flaw", Flaw)
def test_each_limit_of_the_rules_is_a_flaw_beyond_it(flaw: Flaw):
    assert flaws(face(**SPOILT[flaw])) == {flaw}
    assert not flaws(face(eye_distance_px=60, yaw_degrees=30, pitch_degrees=-30))


def test_a_passage_is_fit_when_one_moment_was():
    passage = SurveyedPassage(1, [face(eye_distance_px=20), FIT, face(yaw_degrees=80)])
    assert passage.fit
    assert passage.flaws == frozenset()
    assert passage.best == FIT


def test_a_passage_that_never_was_fit_is_blamed_for_what_was_always_wrong():
    passage = SurveyedPassage(1, [face(eye_distance_px=40), face(eye_distance_px=50, yaw_degrees=80)])
    assert not passage.fit
    assert passage.flaws == {Flaw.SMALL}
    turns = SurveyedPassage(2, [face(yaw_degrees=40, score=0.5), face(sharpness=0.1, score=0.3)])
    assert turns.flaws == {Flaw.TURNED}


@pytest.mark.parametrize(
    ("fit", "others", "grade"),
    [(18, 2, Grade.GOOD), (17, 3, Grade.FAIR), (12, 8, Grade.FAIR), (11, 9, Grade.POOR), (10, 0, Grade.UNKNOWN)],
)
def test_the_grade_follows_from_the_share_of_fit_passages(fit: int, others: int, grade: Grade):
    assert of(fit, *[face(yaw_degrees=60)] * others).grade is grade


def test_advice_names_the_most_frequent_flaw_first_and_passes_over_rare_ones():
    found = of(10, *[face(brightness=0.1)] * 6, *[face(eye_distance_px=30)] * 12, face(yaw_degrees=70))
    assert found.advice == (Advice.NEARER, Advice.LIGHTER)


def test_advice_says_when_nobody_or_few_passed_and_when_frames_are_few():
    assert of(0).advice == (Advice.NOBODY,)
    assert of(5).advice == (Advice.FINE, Advice.FEW)
    assert of(30).advice == (Advice.FINE,)
    assert of(30, rate=4).advice == (Advice.RATE,)


def test_a_camera_that_looks_down_on_most_is_told_though_each_face_could_be_a_smile():
    assert of(0, *[face(pitch_degrees=16)] * 30).advice == (Advice.LOWER,)
    assert of(0, *[face(pitch_degrees=20)] * 14, *[face(pitch_degrees=2)] * 16).advice == (Advice.FINE,)


def test_it_says_how_much_larger_faces_must_be():
    assert of(0, *[face(eye_distance_px=25)] * 9).magnify == pytest.approx(2.4)
    assert of(0, *[face(eye_distance_px=59)] * 9).magnify == 1.1, "1.0 times larger asks for nothing"
    assert of(9).magnify is None
    assert of(0).magnify is None


def test_counts_and_shares():
    found = of(3, face(eye_distance_px=20), face(eye_distance_px=40))
    assert (found.passages, found.faces, found.fit, found.sendable) == (5, 5, 3, 4)
    assert found.share_fit == pytest.approx(0.6)
    assert found.flaws[Flaw.SMALL] == 2


def test_a_distribution_counts_everything_also_beyond_its_edges():
    spread = Distribution.of([-5, 1, 2, 3, 99], (0.0, 2.0, 10.0))
    assert spread.shares == pytest.approx((0.4, 0.6))
    assert spread.p50 == 2
