"""Detects streams that only seem to work: they repeat the same picture, change the size, or show the grey of a decoder
without a key frame.

It knows no camera and opens nothing. Whether a picture is dark, covered or out of focus is a question of the view, not
of the stream: see `view`.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture

CHECK_EVERY_S: Final = 0.2
FIRST_PATIENCE_S: Final = 3.0
"""Time for which a stream may look dead before it is reopened; with the steps before and after, within 5 s."""
MAX_PATIENCE_S: Final = 60.0
"""An empty hall at a low bit rate also repeats the same picture. If the picture is the same after reopening, the next
attempt waits longer and longer."""
STRIDE: Final = 4
"""One in this many pixels and rows is compared: that keeps the noise and saves the cost."""
THUMBNAIL: Final = (64, 36)
STILL: Final = 0.4
"""Mean difference from the last check, in grey levels of 255. Noise is above it, if the encoder leaves any."""
STILL_SHARE: Final = 0.5
"""Share of still checks from which a picture is repeated: not all, because an encoder differs at each key frame."""
MAX_DRIFT: Final = 12.0
"""Maximum difference between the thumbnail and the first one, in grey levels. Repeated encoding of one picture gave
up to 11 (1280x720 at 500 kbit/s with x264), a person who walks by 100 and more."""
MIN_CHECKS: Final = 5
GREY: Final = (118, 140)
"""Decoders start with the middle of the range, 128, which is 130 in full-range colours."""
MAX_COLOUR: Final = 4
FLAT: Final = 1
"""Greatest difference between neighbouring pixels, in grey levels."""
GREY_SHARE: Final = 0.35


class StreamFault(Enum):
    """Why a camera was opened again."""

    NOT_OPENED = "not opened"
    ENDED = "ended"
    """It gave no more pictures."""
    SILENT = "silent"
    """It gave none for too long, but did not end."""
    DECODER_DIED = "decoder died"
    REPEATS = "repeats"
    SIZE_CHANGED = "size changed"
    GREY = "grey"


class StreamHealth:
    """Judges the pictures of one camera, however often it is opened. Owned by one thread."""

    def __init__(self) -> None:
        self._patience_s = {StreamFault.REPEATS: FIRST_PATIENCE_S, StreamFault.GREY: FIRST_PATIENCE_S}
        self._suspect: NDArray[np.int16] | None = None
        """The thumbnail when the camera last seemed to repeat itself, until the first one after opening it again."""
        self._begin()

    def _begin(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._checked_s = -np.inf
        self._sample: Picture | None = None
        self._reference: NDArray[np.int16] | None = None
        self._stillness: deque[tuple[float, bool]] = deque()
        self._grey_since_s: float | None = None

    def opened(self) -> None:
        """Forget the pictures: the camera was opened again."""
        self._begin()

    def judge(self, picture: Picture, at_s: float) -> StreamFault | None:
        """Return what has been wrong for long enough; `at_s` is the monotonic time of the picture."""
        if self._shape is None:
            self._shape = picture.shape
        if picture.shape != self._shape:
            return StreamFault.SIZE_CHANGED
        if at_s - self._checked_s < CHECK_EVERY_S:
            return None
        self._checked_s = at_s
        sample = np.ascontiguousarray(picture[::STRIDE, ::STRIDE])
        fault = self._grey(sample, at_s) or self._repeats(picture, sample, at_s)
        self._sample = sample
        return fault

    def _grey(self, sample: Picture, at_s: float) -> StreamFault | None:
        if not _is_grey(sample):
            self._grey_since_s = None
            self._patience_s[StreamFault.GREY] = FIRST_PATIENCE_S
            return None
        if self._grey_since_s is None:
            self._grey_since_s = at_s
        if at_s - self._grey_since_s < self._patience_s[StreamFault.GREY]:
            return None
        self._lengthen(StreamFault.GREY)
        return StreamFault.GREY

    def _repeats(self, picture: Picture, sample: Picture, at_s: float) -> StreamFault | None:
        thumbnail = cv2.resize(picture, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        if self._suspect is not None:
            if _same(thumbnail, self._suspect):
                self._lengthen(StreamFault.REPEATS)
            else:
                self._patience_s[StreamFault.REPEATS] = FIRST_PATIENCE_S
            self._suspect = None
        if self._reference is None or self._sample is None or not _same(thumbnail, self._reference):
            self._reference = thumbnail
            self._stillness.clear()
            return None
        self._stillness.append((at_s, float(np.mean(cv2.absdiff(sample, self._sample))) < STILL))
        patience_s = self._patience_s[StreamFault.REPEATS]
        if at_s - self._stillness[0][0] < patience_s or len(self._stillness) < MIN_CHECKS:
            return None
        if sum(still for _, still in self._stillness) >= STILL_SHARE * len(self._stillness):
            self._suspect = thumbnail
            return StreamFault.REPEATS
        self._stillness.popleft()
        return None

    def _lengthen(self, fault: StreamFault) -> None:
        self._patience_s[fault] = min(MAX_PATIENCE_S, 2 * self._patience_s[fault])


def _same(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    return bool(np.abs(one - other).max() <= MAX_DRIFT)


def _is_grey(sample: Picture) -> bool:
    """Return whether a large part has the grey that no camera produces: without colour, noise or shading."""
    green = sample[..., 1].astype(np.int16)
    least, most = sample.min(axis=2), sample.max(axis=2)
    plain = (least >= GREY[0]) & (most <= GREY[1]) & (most - least <= MAX_COLOUR)
    flat = np.abs(np.diff(green, axis=1))[:-1] <= FLAT
    flat &= np.abs(np.diff(green, axis=0))[:, :-1] <= FLAT
    return bool(np.mean(plain[:-1, :-1] & flat) >= GREY_SHARE)
