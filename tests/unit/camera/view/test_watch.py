from __future__ import annotations

from cekalwatch.camera.view.watch import Posture, ViewWatch
from cekalwatch.wire.vocabulary.capture import ViewState
from tests.support.builders.camera_view import seen


class Turntable:
    """A mount that a test turns."""

    posture = Posture.HERE


def test_a_camera_at_another_preset_is_away_and_not_moved():
    mount = Turntable()
    watch = ViewWatch(mount)
    for step in range(20):
        watch.see(seen(noise=step), step * 0.5)
    assert (watch.state, watch.away) == (ViewState.OK, False)
    mount.posture = Posture.TURNED_AWAY
    for step in range(20, 80):
        watch.see(seen(right=600, noise=step), step * 0.5)
        assert (watch.state, watch.away) == (ViewState.TURNED_AWAY, True)
    mount.posture = Posture.HERE
    for step in range(80, 140):
        watch.see(seen(noise=step), step * 0.5)
        assert (watch.state, watch.away) == (ViewState.OK, False)


def test_a_mount_that_does_not_answer_leaves_all_as_it_was():
    mount = Turntable()
    watch = ViewWatch(mount)
    for before, away in ((Posture.TURNED_AWAY, True), (Posture.HERE, False)):
        mount.posture = before
        watch.see(seen(), 1.0)
        mount.posture = Posture.UNKNOWN
        watch.see(seen(), 2.0)
        assert watch.away is away


def test_nothing_is_sent_before_the_mount_has_answered_and_everything_when_it_does_not():
    mount = Turntable()
    watch = ViewWatch(mount)
    for posture, away in ((Posture.NOT_YET, True), (Posture.UNKNOWN, False), (Posture.TURNED_AWAY, True)):
        mount.posture = posture
        watch.see(seen(), 1.0)
        assert watch.away is away
