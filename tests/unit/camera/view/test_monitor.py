from __future__ import annotations

import pytest

from cekalwatch.camera.view.monitor import PresetStatus, ViewMonitor
from cekalwatch.contract.values.cameras import ViewState
from tests.support.builders.camera_view import seen


class Mount:
    """A mount that a test turns."""

    status = PresetStatus.AT_PRESET

    def preset_status(self) -> PresetStatus:
        return self.status


def test_a_camera_at_another_preset_is_away_and_not_moved():
    mount = Mount()
    monitor = ViewMonitor(mount.preset_status)
    for step in range(20):
        monitor.see(seen(noise=step), step * 0.5)
    assert (monitor.state, monitor.away) == (ViewState.OK, False)
    mount.status = PresetStatus.AWAY
    for step in range(20, 80):
        monitor.see(seen(right=600, noise=step), step * 0.5)
        assert (monitor.state, monitor.away) == (ViewState.TURNED_AWAY, True)
    mount.status = PresetStatus.AT_PRESET
    for step in range(80, 140):
        monitor.see(seen(noise=step), step * 0.5)
        assert (monitor.state, monitor.away) == (ViewState.OK, False)


def test_a_camera_that_does_not_know_where_it_looks_sends_nothing_and_says_so():
    mount = Mount()
    monitor = ViewMonitor(mount.preset_status)
    for before in (PresetStatus.AT_PRESET, PresetStatus.AWAY, PresetStatus.NOT_ASKED):
        for unknown in (PresetStatus.UNKNOWN, PresetStatus.NOT_REACHED):
            mount.status = before
            monitor.see(seen(), 1.0)
            mount.status = unknown
            monitor.see(seen(), 2.0)
            assert (monitor.state, monitor.away) == (ViewState.NOT_AT_PRESET, True)


def test_nothing_is_sent_before_the_mount_has_answered_and_that_is_no_fault():
    mount = Mount()
    mount.status = PresetStatus.NOT_ASKED
    monitor = ViewMonitor(mount.preset_status)
    monitor.see(seen(), 1.0)
    assert (monitor.state, monitor.away) == (ViewState.UNSPECIFIED, True)


class Toured:
    """A camera key of a camera on a tour: half a minute here, half a minute elsewhere."""

    def __init__(self) -> None:
        self.mount = Mount()
        self.monitor = ViewMonitor(self.mount.preset_status)
        self.step = 0

    def round(self, right: float = 0.0, blur: float = 0.0) -> set[ViewState]:
        """Return the states of a stay at the preset, which the motor reaches with an error of `right` pixels."""
        self.mount.status = PresetStatus.AWAY
        for _ in range(60):
            self.see(right=600)
        self.mount.status = PresetStatus.AT_PRESET
        return {self.see(right=right, blur=blur) for _ in range(60)}

    def see(self, right: float, blur: float = 0.0) -> ViewState:
        self.step += 1
        self.monitor.see(seen(right=right, blur=blur, noise=self.step), self.step * 0.5)
        return self.monitor.state


@pytest.mark.slow
def test_a_motor_that_does_not_return_to_the_last_step_is_not_reported_as_moved():
    toured = Toured()
    for right in (0, 40, -40, 200, 0):
        assert toured.round(right) == {ViewState.OK}


def test_a_camera_that_somebody_pushes_while_it_is_at_a_preset_of_its_tour_is_reported_as_moved():
    toured = Toured()
    toured.round()
    states = {toured.see(right=120) for _ in range(60)}
    assert ViewState.MOVED in states


@pytest.mark.slow
def test_a_lens_that_was_smeared_stays_reported_over_the_rounds_of_a_tour_until_it_is_clean():
    toured = Toured()
    toured.round()
    assert ViewState.DEFOCUSED in toured.round(blur=8)
    assert toured.round(blur=8) == {ViewState.DEFOCUSED}
    assert toured.round() == {ViewState.DEFOCUSED, ViewState.OK}
    assert toured.round() == {ViewState.OK}
