from __future__ import annotations

from cekalwatch.camera.view.monitor import PresetStatus, ViewMonitor
from cekalwatch.wire.vocabulary.capture import ViewState
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


def test_a_mount_that_does_not_answer_leaves_all_as_it_was():
    mount = Mount()
    monitor = ViewMonitor(mount.preset_status)
    for before, away in ((PresetStatus.AWAY, True), (PresetStatus.AT_PRESET, False)):
        mount.status = before
        monitor.see(seen(), 1.0)
        mount.status = PresetStatus.UNKNOWN
        monitor.see(seen(), 2.0)
        assert monitor.away is away


def test_nothing_is_sent_before_the_mount_has_answered_and_everything_when_it_does_not():
    mount = Mount()
    monitor = ViewMonitor(mount.preset_status)
    for status, away in (
        (PresetStatus.NOT_ASKED, True),
        (PresetStatus.UNKNOWN, False),
        (PresetStatus.AWAY, True),
    ):
        mount.status = status
        monitor.see(seen(), 1.0)
        assert monitor.away is away
