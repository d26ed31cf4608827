"""Judges a camera's view over time: what holds for seconds becomes its state, what passes does not.

A view is judged by what is left of the usual one. People hide parts of it and lamps flicker; so the usual view need
only show through somewhere to be well, and each trouble must last before it is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np

from cekalwatch.camera.view.camera_motion import CameraMotion
from cekalwatch.camera.view.image_metrics import (
    ALIKE,
    Grey,
    ImageMetrics,
    image_metrics,
    likeness,
    shift_between,
    shifted,
)
from cekalwatch.camera.view.reference import Reference
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.vocabulary.capture import ViewState

PERIOD_S: Final = 0.5
"""How often a view is judged."""
LASTS_S: Final = {
    ViewState.DARK: 5.0,
    ViewState.BLINDED: 5.0,
    ViewState.COVERED: 10.0,
    ViewState.DEFOCUSED: 10.0,
    ViewState.MOVED: 10.0,
    ViewState.OK: 3.0,
}
"""For how long a state must hold to be told."""
MOSTLY_DARK: Final = 0.95
"""Share of the picture that must be dark."""
MOSTLY_SATURATED: Final = 0.5
SHOWS_THROUGH: Final = 0.3
"""Share of the usual view from which it is taken to be there, with people before it. What a camera writes into its
picture, and what is like the usual by chance, is less."""
CLEARLY: Final = 1.5
"""So many times as much must fit when the view is moved back as when it is not."""
ENOUGH: Final = 0.3
"""Share of the view that must usually show something for the camera's own motion to be told from people's: before a
bare wall only people can be seen to move."""
MOSTLY_THERE: Final = 0.5
"""Share of the usual view from which it is certain that it is there."""
DEFAULT_WITHIN_S: Final = 60.0
"""For so long after it was certain, what moves may be the camera."""
STILL: Final = 0.6
"""Share of a view that must stand still for a place to be told from people who fill the picture."""
BLANK: Final = 0.25
"""Share of the usually structured cells that still show something, below which the view is covered."""
HARDLY_ANYTHING: Final = 0.03
"""Share of all cells that show something, below which nobody would hang a camera like this."""
BLURRED: Final = 0.25
"""What is left of the detail of cells that show the usual, below which the picture is out of focus."""
MIN_SHIFT: Final = 4.0
"""Coarse pixels, of 160 across: less is a shaking mast."""
FACE_VOUCHES_S: Final = 10.0
"""A view in which a face was found so short ago is neither dark, blinded nor covered."""
SETTLES_S: Final = 1.5
"""For so long after it moved a camera's pictures are blurred or on their way."""


class _Sight(Enum):
    UNSURE = auto()
    """It neither confirms nor refutes anything."""


_Verdict = ViewState | _Sight


@dataclass
class _Pending:
    state: ViewState
    since_s: float


class ViewJudge:
    """One camera's view. Owned by one thread; `state` may be read on any."""

    def __init__(self) -> None:
        self.state = ViewState.UNSPECIFIED
        """How the view looks; UNSPECIFIED until something was seen for long enough."""
        self._reference: Reference | None = None
        self._elsewhere: Grey | None = None
        """What is seen since the usual view has gone."""
        self._pending: _Pending | None = None
        self._last_s = -math.inf
        self._motion = CameraMotion()
        self._moved_s = -math.inf
        self._usual_s = -math.inf
        self._face_s = -math.inf

    def face_seen(self, at_s: float) -> None:
        """Take note that a face was found at this moment."""
        self._face_s = at_s

    def moves(self, at_s: float) -> bool:
        """Whether the camera itself moves, or did a moment ago."""
        return at_s - self._moved_s < SETTLES_S

    def look(self, picture: Picture, at_s: float) -> None:
        """Judge a frame if it is time to; `at_s` never goes back."""
        if at_s - self._last_s < PERIOD_S:
            return
        seen = image_metrics(picture)
        if self._motion.turns(seen.coarse) and at_s - self._usual_s < DEFAULT_WITHIN_S:
            self._moved_s = at_s
        self._last_s = at_s
        verdict = self._verdict(seen, at_s)
        if isinstance(verdict, ViewState):
            self._weigh(verdict, at_s)

    def forget(self) -> None:
        """Begin anew: the camera was asked to look elsewhere."""
        self._reference = self._elsewhere = self._pending = None
        self._motion.forget()
        self.state = ViewState.UNSPECIFIED

    def _weigh(self, verdict: ViewState, at_s: float) -> None:
        if verdict is self.state:
            self._pending = None
            return
        if self._pending is None or self._pending.state is not verdict:
            self._pending = _Pending(verdict, at_s)
        first_good = verdict is ViewState.OK and self.state is ViewState.UNSPECIFIED
        if first_good or at_s - self._pending.since_s >= LASTS_S[verdict]:
            self.state, self._pending = verdict, None

    def _verdict(self, seen: ImageMetrics, at_s: float) -> _Verdict:
        by_light = self._by_light(seen)
        if by_light is ViewState.OK:
            return self._by_reference(seen, at_s)
        return _Sight.UNSURE if at_s - self._face_s < FACE_VOUCHES_S else by_light

    def _by_light(self, seen: ImageMetrics) -> ViewState:
        if seen.dark >= MOSTLY_DARK:
            return ViewState.DARK
        if seen.saturated >= MOSTLY_SATURATED:
            return ViewState.BLINDED
        structured = seen.structured
        if structured.mean() < HARDLY_ANYTHING:
            return ViewState.COVERED
        usual = self._reference.structured if self._reference and self._reference.learned else structured
        if usual.any() and structured[usual].mean() < BLANK:
            # Out of focus a view loses detail, and what is left of it lies where it did.
            alike = self._reference is not None and self._reference.share_alike(seen.coarse) >= SHOWS_THROUGH
            return ViewState.DEFOCUSED if alike else ViewState.COVERED
        return ViewState.OK

    def _by_reference(self, seen: ImageMetrics, at_s: float) -> _Verdict:
        reference = self._reference
        if reference is None:
            self._reference = Reference(seen)
            return ViewState.OK
        if not reference.learned:
            reference.follow(seen)
            return ViewState.OK
        alike = reference.alike(seen.coarse)
        share = reference.share_alike(seen.coarse)
        if share >= MOSTLY_THERE and reference.structured.mean() >= ENOUGH:
            self._usual_s = at_s
        if _shows_shifted(reference, seen.coarse, share):
            return ViewState.MOVED
        if share >= SHOWS_THROUGH:
            self._elsewhere = None
            left = float(np.median(seen.detail[alike] / np.maximum(reference.detail[alike], 1e-6)))
            if left < BLURRED:
                return ViewState.DEFOCUSED
            reference.follow(seen)
            return ViewState.OK
        return self._elsewhere_or_unsure(seen.coarse)

    def _elsewhere_or_unsure(self, coarse: Grey) -> _Verdict:
        """Tell another place, which stands still, from people who fill the picture, and do not."""
        if self._elsewhere is None or float(np.mean(likeness(self._elsewhere, coarse) >= ALIKE)) < STILL:
            self._elsewhere = coarse
            # Whoever fills the picture moves: what was taken for another place was none.
            if self._pending and self._pending.state is ViewState.MOVED:
                self._pending = None
            return _Sight.UNSURE
        return ViewState.MOVED


def _shows_shifted(reference: Reference, coarse: Grey, share: float) -> bool:
    x, y = shift_between(reference.coarse, coarse)
    if math.hypot(x, y) < MIN_SHIFT:
        return False
    return reference.share_alike(shifted(coarse, -x, -y)) >= max(SHOWS_THROUGH, CLEARLY * share)
