"""The pipeline's interface of a view: its state, and whether its pictures may be sent now."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from cekalwatch.camera.view.judge import ViewJudge
from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.vision.faces import Picture


class PresetStatus(Enum):
    """Whether a camera that can be turned is at the preset of its camera key. Only AT_PRESET sends."""

    NOT_ASKED = auto()
    """It was asked for the first time and has not answered, which takes a few seconds at most."""
    UNKNOWN = auto()
    """It does not answer, does not report its position, or has no such preset."""
    NOT_REACHED = auto()
    """It was sent to the preset, and did not get there."""
    AT_PRESET = auto()
    """It rests there, and has settled."""
    AWAY = auto()
    """Moving, or at another preset."""


NOT_SENDING = {
    PresetStatus.NOT_ASKED: ViewState.UNSPECIFIED,
    PresetStatus.UNKNOWN: ViewState.NOT_AT_PRESET,
    PresetStatus.NOT_REACHED: ViewState.NOT_AT_PRESET,
    PresetStatus.AWAY: ViewState.TURNED_AWAY,
}
"""How the view of a camera key looks while nothing is sent under it."""


class ViewMonitor:
    """One camera key's view. Owned by the vision thread."""

    def __init__(self, preset_status: Callable[[], PresetStatus] = lambda: PresetStatus.AT_PRESET) -> None:
        """`preset_status`: returns at once, on any thread, the position of a camera that can be turned."""
        self._preset_status = preset_status
        self._judge = ViewJudge()
        self._status = PresetStatus.AT_PRESET
        self._at_s = 0.0

    @property
    def state(self) -> ViewState:
        return NOT_SENDING.get(self._status, self._judge.state)

    @property
    def away(self) -> bool:
        """Whether the camera moves or may look elsewhere, so that its pictures belong to no counter."""
        return self._status in NOT_SENDING or self._judge.moves(self._at_s)

    def see(self, picture: Picture, at_s: float) -> None:
        """Judge a frame; `at_s` never goes back."""
        self._at_s = at_s
        was, self._status = self._status, self._preset_status()
        if self._status is PresetStatus.AT_PRESET:
            if was is not PresetStatus.AT_PRESET:
                self._judge.comes_back(at_s)
            self._judge.see(picture, at_s)

    def face_seen(self, at_s: float) -> None:
        """Note that a face was found at this moment."""
        self._judge.face_seen(at_s)
