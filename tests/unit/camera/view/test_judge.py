from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cekalwatch.camera.view.judge import KEPT_FOR_S, ViewJudge
from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.vision.faces import Picture
from tests.support.builders.camera_view import SIZE, grainy, seen, with_people
from tests.support.tools.shared import shared_faces

Scene = Callable[[float], Picture]
"""What the camera gives at a moment, seconds since the scene began."""


class Watched:
    """A judge, and the states it went through."""

    def __init__(self, usual: Scene = lambda at: seen(noise=round(at * 10))) -> None:
        self.judge = ViewJudge()
        self.at_s = 0.0
        self.states = [self.judge.state]
        self.moving: list[bool] = []
        self.show(usual, 10)

    def show(self, scene: Scene, seconds: float, period_s: float = 0.5) -> ViewState:
        began_s = self.at_s
        for step in range(round(seconds / period_s)):
            self.at_s = began_s + step * period_s
            self.judge.see(scene(step * period_s), self.at_s)
            self.moving.append(self.judge.moves(self.at_s))
            if self.judge.state is not self.states[-1]:
                self.states.append(self.judge.state)
        self.at_s = began_s + seconds
        return self.judge.state

    @property
    def quiet(self) -> bool:
        return self.states == [ViewState.UNSPECIFIED, ViewState.OK]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def grain(level: float, at: float) -> Picture:
    return grainy(np.full((SIZE[1], SIZE[0], 3), level, np.uint8), round(at * 10))


def hand(at: float) -> Picture:
    """A hand over the lens: brownish, with a slow gradient and no edge."""
    return np.clip(grain(90, at) + np.linspace(-25, 25, SIZE[0])[None, :, None], 0, 255).astype(np.uint8)


def glare(at: float) -> Picture:
    picture = seen(noise=round(at * 10)).astype(np.float32)
    halo = np.zeros((SIZE[1], SIZE[0]), np.float32)
    cv2.circle(halo, (250, 160), 260, 400, -1)
    bright = picture + np.asarray(cv2.GaussianBlur(halo, (0, 0), 30))[..., None]
    return np.asarray(np.clip(bright, 0, 255), np.uint8)


def crowd(at: float) -> Picture:
    """People who fill the picture, and never quite stand still."""
    people = [
        (x + 25 * math.sin(at * 0.9 + x), 200 + 15 * math.sin(at * 0.7 + 2 * x), 260 + 30 * math.sin(at * 0.3 + x))
        for x in range(20, SIZE[0] + 60, 90)
    ]
    return with_people(seen(noise=round(at * 10)), people)


BAD_VIEWS: dict[str, tuple[Scene, ViewState]] = {
    "the lights are off": (lambda at: seen(light=0.08, noise=round(at * 10)), ViewState.DARK),
    "the sun shines into the lens": (glare, ViewState.BLINDED),
    "a hand is on the lens": (hand, ViewState.COVERED),
    "a white bag is on the lens": (lambda at: grain(200, at), ViewState.COVERED),
    "somebody turned the focus ring": (lambda at: seen(blur=4, noise=round(at * 10)), ViewState.DEFOCUSED),
    "the focus is far off": (lambda at: seen(blur=14, noise=round(at * 10)), ViewState.DEFOCUSED),
    "it was pushed a little aside": (lambda at: seen(right=40, noise=round(at * 10)), ViewState.MOVED),
    "it was pushed down": (lambda at: seen(down=30, noise=round(at * 10)), ViewState.MOVED),
    "it looks at another place": (lambda at: seen(right=600, noise=round(at * 10)), ViewState.MOVED),
    "it hangs askew": (lambda at: seen(roll=25, noise=round(at * 10)), ViewState.MOVED),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad_view", BAD_VIEWS)
def test_an_alarm_is_told_within_20_seconds_and_its_end_within_5(watched: Watched, bad_view: str):
    scene, state = BAD_VIEWS[bad_view]
    assert watched.show(scene, 20) is state
    assert watched.show(lambda at: seen(noise=round(at * 10)), 5) is ViewState.OK
    assert watched.states == [ViewState.UNSPECIFIED, ViewState.OK, state, ViewState.OK]


@pytest.mark.slow
@pytest.mark.parametrize("bad_view", BAD_VIEWS)
def test_what_passes_in_4_seconds_is_no_alarm(watched: Watched, bad_view: str):
    watched.show(BAD_VIEWS[bad_view][0], 4)
    watched.show(lambda at: seen(noise=round(at * 10)), 5)
    assert watched.quiet


def test_a_moved_camera_is_told_though_people_pass(watched: Watched):
    def busy(at: float) -> Picture:
        return with_people(seen(right=50, noise=round(at * 10)), [(100 * at % 900 - 100, 220, 160)])

    assert watched.show(busy, 20) is ViewState.MOVED


def test_a_moved_camera_is_told_though_it_writes_date_and_name_into_its_picture():
    def labelled(picture: Picture) -> Picture:
        for y, text in ((30, "2026-11-25 10:31:07 WIB"), (345, "GATE 4 CAM 2")):
            cv2.putText(picture, text, (10, y), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255, 255, 255), 3)
        return picture

    watched = Watched(lambda at: labelled(seen(noise=round(at * 10))))
    assert watched.show(lambda at: labelled(seen(right=600, noise=round(at * 10))), 20) is ViewState.MOVED


@pytest.mark.slow
def test_people_who_fill_the_view_are_no_alarm(watched: Watched):
    watched.show(crowd, 60)
    assert watched.quiet
    assert not any(watched.moving)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "step"), [(250, 80), (420, 40), (560, 20)])
def test_somebody_who_walks_by_closely_is_no_pan(watched: Watched, width: int, step: int):
    """Whatever was taken for one would keep his captures back."""
    watched.moving.clear()
    span = SIZE[0] + width
    watched.show(
        lambda at: with_people(seen(noise=round(at * 10)), [(at * 2 * step % span - width / 2, 220, width)]), 40
    )
    assert not any(watched.moving)
    assert watched.quiet


@pytest.mark.slow
def test_somebody_who_walks_before_a_bare_wall_is_no_pan():
    watched = Watched(lambda at: grain(120, at))
    watched.show(lambda at: with_people(grain(120, at), [(80 * at % 900 - 100, 220, 300)]), 40)
    assert not any(watched.moving)


def test_somebody_who_stands_before_the_camera_is_no_alarm(watched: Watched):
    watched.show(lambda at: with_people(seen(noise=round(at * 10)), [(320, 240, 420 + 4 * math.sin(at))]), 60)
    assert watched.quiet


def test_flickering_light_is_no_alarm(watched: Watched):
    watched.show(lambda at: seen(light=(1.0, 0.1, 1.5, 0.05)[round(at * 2) % 4], noise=round(at * 10)), 60)
    assert watched.quiet


def test_a_lamp_that_is_switched_on_is_no_alarm(watched: Watched):
    watched.show(lambda at: seen(light=1.7, noise=round(at * 10)), 30)
    assert watched.quiet


@pytest.mark.slow
def test_the_days_light_is_no_alarm(watched: Watched):
    """An afternoon in ten minutes, with shadows that wander."""

    def afternoon(at: float) -> Picture:
        picture = seen(light=1.2 - at / 600 * 0.5, noise=round(at * 10)).astype(np.float32)
        edge = round(at / 600 * SIZE[0])
        picture[:, :edge] *= 0.6
        return picture.astype(np.uint8)

    watched.show(afternoon, 600, period_s=2.0)
    assert watched.quiet


@pytest.mark.slow
def test_furniture_that_is_moved_is_no_alarm_and_becomes_usual(watched: Watched):
    def rearranged(at: float) -> Picture:
        picture = seen(noise=round(at * 10))
        picture[80:300, 60:360] = seen(right=500)[80:300, 60:360]
        return picture

    watched.show(rearranged, 300, period_s=2.0)
    assert watched.quiet


def test_a_view_in_which_faces_are_found_is_neither_dark_nor_covered():
    bare = ViewJudge()
    for step in range(100):
        bare.face_seen(step * 0.5)
        bare.see(grain(120, step), step * 0.5)
    assert bare.state is ViewState.UNSPECIFIED


def test_a_camera_that_was_covered_before_the_program_began_is_told():
    bare = ViewJudge()
    for step in range(30):
        bare.see(hand(step), step * 0.5)
    assert bare.state is ViewState.COVERED


def test_a_pan_is_noticed_while_it_lasts_and_for_a_moment_after(watched: Watched):
    watched.moving.clear()
    watched.show(lambda at: seen(right=at * 120, noise=round(at * 10)), 3)
    assert all(watched.moving[2:])
    watched.moving.clear()
    watched.show(lambda at: seen(right=300, noise=round(at * 10)), 4)
    assert watched.moving[0]
    assert not any(watched.moving[4:])


def test_a_camera_that_comes_back_to_another_place_learns_its_view_anew(watched: Watched):
    watched.judge.comes_back(watched.at_s)
    assert watched.show(lambda at: seen(right=600, noise=round(at * 10)), 30) is ViewState.OK
    assert ViewState.MOVED not in watched.states


def test_a_view_that_was_left_long_ago_is_not_compared_with_its_old_light(watched: Watched):
    watched.at_s += KEPT_FOR_S + 1
    watched.judge.comes_back(watched.at_s)
    assert watched.show(lambda at: seen(light=0.4, noise=round(at * 10)), 30) is ViewState.OK
    assert watched.quiet


@pytest.mark.parametrize("clip", ["street-1080p.mp4", "one-man-approaching.mp4"])
def test_real_views_give_no_alarm(clip: str):
    states, moves = states_of(shared_faces() / "clips" / clip)
    assert states <= {ViewState.UNSPECIFIED, ViewState.OK}
    assert not moves


def states_of(path: Path) -> tuple[set[ViewState], bool]:
    capture = cv2.VideoCapture(str(path))
    judge, states, moves, number = ViewJudge(), set[ViewState](), False, 0
    rate = capture.get(cv2.CAP_PROP_FPS)
    while capture.grab():
        if number % max(1, round(rate / 5)) == 0:
            judge.see(np.asarray(capture.retrieve()[1], np.uint8), number / rate)
            states.add(judge.state)
            moves |= judge.moves(number / rate)
        number += 1
    capture.release()
    assert number > 100
    return states, moves
