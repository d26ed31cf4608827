"""What the pipeline asks of a view: how it looks, and whether what it shows now may be sent."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from cekalwatch.camera.view.judge import ViewJudge
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.vocabulary.capture import ViewState


class PresetStatus(Enum):
    """Whether a camera that can be turned is at the preset of its camera key."""

    NOT_ASKED = auto()
    """It was asked for the first time and has not answered, which takes a few seconds at most."""
    UNKNOWN = auto()
    """It does not say. The last known answer holds; without one it counts as at the preset, because a capture with the
    wrong counter is better than none."""
    AT_PRESET = auto()
    AWAY = auto()
    """Moving, or at another preset."""


class ViewMonitor:
    """One camera key's view. Owned by the vision thread."""

    def __init__(self, preset_status: Callable[[], PresetStatus] = lambda: PresetStatus.AT_PRESET) -> None:
        """`preset_status`: tells at once, on any thread, where a camera that can be turned looks."""
        self._preset_status = preset_status
        self._judge = ViewJudge()
        self._turned_away = False
        self._not_asked = False
        self._at_s = 0.0

    @property
    def state(self) -> ViewState:
        """How the view looks."""
        return ViewState.TURNED_AWAY if self._turned_away else self._judge.state

    @property
    def away(self) -> bool:
        """Whether the camera moves or looks elsewhere, so that its pictures belong to no counter."""
        return self._not_asked or self._turned_away or self._judge.moves(self._at_s)

    def see(self, picture: Picture, at_s: float) -> None:
        """Judge a frame; `at_s` never goes back."""
        self._at_s = at_s
        status = self._preset_status()
        self._not_asked = status is PresetStatus.NOT_ASKED
        if status is PresetStatus.AWAY:
            if not self._turned_away:
                self._judge.reset()
            self._turned_away = True
            return
        if status is PresetStatus.AT_PRESET:
            self._turned_away = False
        if not self._turned_away and not self._not_asked:
            self._judge.see(picture, at_s)

    def face_seen(self, at_s: float) -> None:
        """Note that a face was found at this moment."""
        self._judge.face_seen(at_s)
