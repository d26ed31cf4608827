"""Judges a camera's view over time: a condition that lasts for seconds becomes its state.

A view is compared with the usual one. People hide parts of it and lamps flicker, so the view is good if enough of the
usual view is visible somewhere, and a fault must last before it is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.view.image_metrics import (
    ALIKE,
    CELL,
    STRUCTURED,
    Cells,
    Grey,
    ImageMetrics,
    deviation,
    image_metrics,
    likeness,
    shift_between,
    shifted,
)
from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.vision.faces import Picture

TOGETHER: Final = 0.5
"""Minimum share of the common content of both pictures that moved in the same direction."""
STAYED: Final = 0.25
"""Maximum share of the view that stays in place while a camera turns: by chance, or text in the picture. When a person
passes close by and hides two thirds of the view, more than this stays."""
EDGE_CELLS: Final = 3
"""Minimum cells with structure at an edge of the view for judging whether it stayed."""
EDGE_STAYS: Final = 0.5
SEEN_IN_BOTH: Final = 0.15
"""Share of the view that must be seen in both pictures."""


class CameraMotion:
    """Distinguishes a turning camera from people who walk in front of it: when it turns, nothing stays in place.

    It compares each picture of one camera with the previous one. Owned by one thread.
    """

    def __init__(self) -> None:
        self._last: Grey | None = None

    def reset(self) -> None:
        self._last = None

    def turned(self, coarse: Grey) -> bool:
        """Take the next picture; return whether the camera turned since the last one."""
        last, self._last = self._last, coarse
        if last is None:
            return False
        shift = shift_between(last, coarse)
        return math.hypot(*shift) >= MIN_SHIFT and _all_shifted(last, coarse, shift)


def _all_shifted(before: Grey, after: Grey, shift: tuple[float, float]) -> bool:
    """Whether everything went that way, and nothing stayed."""
    back = shifted(after, -shift[0], -shift[1])
    structured = deviation(before) >= STRUCTURED
    in_both = structured & (deviation(back) >= STRUCTURED)
    if in_both.mean() < SEEN_IN_BOTH:
        return False
    stays = likeness(before, after) >= ALIKE
    if stays[structured].mean() > STAYED or any(_edge_stays(stays[:, side], structured[:, side]) for side in (0, -1)):
        return False
    return float((likeness(before, back) >= ALIKE)[in_both].mean()) >= TOGETHER


def _edge_stays(stays: NDArray[np.bool_], structured: NDArray[np.bool_]) -> bool:
    """Whether an edge of the view stayed: somebody who passes close by hides one edge at a time, or none."""
    return bool(structured.sum() >= EDGE_CELLS and stays[structured].mean() >= EDGE_STAYS)


FOLLOWS_IN: Final = 120
"""Pictures after which a cell that still shows the same has followed the light."""
FORGETS_IN: Final = 1200
"""Pictures after which a cell that shows something else has become usual: a moved chair, but nobody who waits."""
LEARNED_AFTER: Final = 10
"""Pictures that are needed before anything is compared with it."""


class Reference:
    """The usual view, learned in the first seconds; it slowly follows daylight and furniture, never people.

    Owned by one thread.
    """

    def __init__(self, first: ImageMetrics) -> None:
        self.coarse: Grey = first.coarse.copy()
        self.detail: Cells = first.detail.copy()
        self._pictures = 1

    @property
    def learned(self) -> bool:
        """Whether it has seen enough to be compared with."""
        return self._pictures >= LEARNED_AFTER

    @property
    def structured(self) -> NDArray[np.bool_]:
        return deviation(self.coarse) >= STRUCTURED

    def alike(self, coarse: Grey) -> NDArray[np.bool_]:
        """The structured cells that show their usual content."""
        return (likeness(self.coarse, coarse) >= ALIKE) & self.structured

    def share_alike(self, coarse: Grey) -> float:
        """Share of the structured cells that show their usual content, 0 to 1."""
        structured = int(self.structured.sum())
        return float(self.alike(coarse).sum()) / structured if structured else 0.0

    def follow(self, seen: ImageMetrics) -> None:
        """Adapt the usual view a little to a good picture."""
        self._pictures += 1
        alike = self.alike(seen.coarse)
        rates = np.where(alike, max(1 / self._pictures, 1 / FOLLOWS_IN), max(1 / self._pictures, 1 / FORGETS_IN))
        rates = rates.astype(np.float32)
        self.detail += rates * (seen.detail - self.detail)
        by_pixel = np.kron(rates, np.ones((CELL, CELL), np.float32))
        self.coarse += by_pixel * (seen.coarse - self.coarse)


PERIOD_S: Final = 0.5
"""How often a view is judged."""
LASTS_S: Final = {
    ViewState.DARK: 5.0,
    ViewState.BLINDED: 5.0,
    ViewState.COVERED: 6.0,
    ViewState.DEFOCUSED: 6.0,
    ViewState.MOVED: 6.0,
    ViewState.OK: 3.0,
}
"""How long each state must last to be reported. Supervisors see it within 10 s, of which 3 s pass on the way."""
MOSTLY_DARK: Final = 0.95
"""Share of the picture that must be dark."""
MOSTLY_SATURATED: Final = 0.5
SHOWS_THROUGH: Final = 0.3
"""Minimum visible share of the usual view, with people in front of it. Text in the camera's picture, and chance, give
less."""
CLEARLY: Final = 1.5
"""How many times as much of the view must fit when it is shifted back as when it is not."""
MIN_STRUCTURED: Final = 0.3
"""Minimum share of the view with structure for distinguishing the camera's motion from people's: in front of a bare
wall only people's motion is visible."""
MOSTLY_THERE: Final = 0.5
"""Minimum visible share of the usual view for certainty that it is there."""
CERTAIN_FOR_S: Final = 60.0
"""For this long after the usual view was certain, what moves may be the camera."""
STILL: Final = 0.6
"""Share of a view that must stand still for it to be another place, and not people who fill the picture."""
BLANK: Final = 0.25
"""The view is covered when less than this share of the usually structured cells has structure."""
HARDLY_ANYTHING: Final = 0.03
"""The view is covered when less than this share of all cells has structure: nobody aims a camera at nothing."""
BLURRED: Final = 0.25
"""The picture is out of focus when less than this share of the usual detail is left."""
MIN_SHIFT: Final = 4.0
"""Minimum shift in coarse pixels, of 160 across: less is a shaking mast, or a slow pan without blur, which is later
reported as a moved view."""
FACE_VOUCHES_S: Final = 10.0
"""For this long after a face was found, a view is neither dark, blinded nor covered."""
KEPT_FOR_S: Final = 600.0
"""For this long the usual view is remembered while the camera looks elsewhere; later the light is another one."""
SETTLES_S: Final = 1.5
"""For this long after the camera moved, its pictures are blurred or still move."""


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
        self._other_place: Grey | None = None
        """The view since the usual one disappeared."""
        self._pending: _Pending | None = None
        self._last_s = -math.inf
        self._motion = CameraMotion()
        self._moved_s = -math.inf
        self._usual_s = -math.inf
        self._face_s = -math.inf
        self._back = False
        """Whether it came back to its preset, and the usual view was not seen since."""

    def face_seen(self, at_s: float) -> None:
        """Note that a face was found at this moment."""
        self._face_s = at_s

    def moves(self, at_s: float) -> bool:
        """Whether the camera itself moves, or did a moment ago."""
        return at_s - self._moved_s < SETTLES_S

    def see(self, picture: Picture, at_s: float) -> None:
        """Judge a frame if it is time to; `at_s` never goes back."""
        if at_s - self._last_s < PERIOD_S:
            return
        seen = image_metrics(picture)
        if self._motion.turned(seen.coarse) and at_s - self._usual_s < CERTAIN_FOR_S:
            self._moved_s = at_s
        self._last_s = at_s
        state = self._state_of(seen, at_s)
        if state is not None:
            self._count(state, at_s)

    def comes_back(self, at_s: float) -> None:
        """Record that the camera returns from a requested position.

        Faults of the view, except its position, last until the view is seen to be good.
        """
        self._other_place = self._pending = None
        self._motion.reset()
        self._back = True
        if self._reference and (at_s - self._last_s > KEPT_FOR_S or not self._reference.learned):
            self._reference = None
        if self._reference is None or self.state is ViewState.MOVED:
            self.state = ViewState.UNSPECIFIED

    def _count(self, state: ViewState, at_s: float) -> None:
        if state is self.state:
            self._pending = None
            return
        if self._pending is None or self._pending.state is not state:
            self._pending = _Pending(state, at_s)
        first_good = state is ViewState.OK and self.state is ViewState.UNSPECIFIED
        if first_good or at_s - self._pending.since_s >= LASTS_S[state]:
            self.state, self._pending = state, None

    def _state_of(self, seen: ImageMetrics, at_s: float) -> ViewState | None:
        """Return the state of one picture; None when it neither confirms nor refutes anything."""
        by_light = self._by_light(seen)
        if by_light is ViewState.OK:
            return self._by_reference(seen, at_s)
        return None if at_s - self._face_s < FACE_VOUCHES_S else by_light

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
            # Out of focus a view loses detail, and the rest stays in place.
            alike = self._reference is not None and self._reference.share_alike(seen.coarse) >= SHOWS_THROUGH
            return ViewState.DEFOCUSED if alike else ViewState.COVERED
        return ViewState.OK

    def _by_reference(self, seen: ImageMetrics, at_s: float) -> ViewState | None:
        reference = self._reference
        if reference is None:
            self._reference = Reference(seen)
            return ViewState.OK
        if not reference.learned:
            reference.follow(seen)
            return ViewState.OK
        alike = reference.alike(seen.coarse)
        share = reference.share_alike(seen.coarse)
        if share >= MOSTLY_THERE and reference.structured.mean() >= MIN_STRUCTURED:
            self._usual_s = at_s
        if _shows_shifted(reference, seen.coarse, share):
            return self._place_differs(seen)
        if share >= SHOWS_THROUGH:
            self._other_place, self._back = None, False
            left = float(np.median(seen.detail[alike] / np.maximum(reference.detail[alike], 1e-6)))
            if left < BLURRED:
                return ViewState.DEFOCUSED
            reference.follow(seen)
            return ViewState.OK
        return self._at_other_place(seen)

    def _place_differs(self, seen: ImageMetrics) -> ViewState:
        """Return MOVED, unless the camera has just come back: motors do not return to the last step."""
        if not self._back:
            return ViewState.MOVED
        self._reference, self._back = Reference(seen), False
        return ViewState.OK

    def _at_other_place(self, seen: ImageMetrics) -> ViewState | None:
        """Return MOVED for another place, which stands still, and None for people who fill the picture."""
        coarse = seen.coarse
        if self._other_place is None or float(np.mean(likeness(self._other_place, coarse) >= ALIKE)) < STILL:
            self._other_place = coarse
            # A person who fills the picture moves, so it was not another place.
            if self._pending and self._pending.state is ViewState.MOVED:
                self._pending = None
            return None
        return self._place_differs(seen)


def _shows_shifted(reference: Reference, coarse: Grey, share: float) -> bool:
    x, y = shift_between(reference.coarse, coarse)
    if math.hypot(x, y) < MIN_SHIFT:
        return False
    return reference.share_alike(shifted(coarse, -x, -y)) >= max(SHOWS_THROUGH, CLEARLY * share)
