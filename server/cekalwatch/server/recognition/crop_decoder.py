"""Decodes cameras' crops in confined processes (docs/adr/0017, docs/adr/0077).

An exploited decoder finds neither keys nor network there, and returns only pixels. A crop at which one crashes or hangs
costs no other crop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import chain
from math import inf
from threading import Lock
from types import MappingProxyType
from typing import Final

import numpy as np
import structlog

from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Refusal
from cekalwatch.program.confined.pool import Ask, Cause, ConfinedError, ConfinedPool
from cekalwatch.server.concurrency.token_bucket import TokenBuckets
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import (
    MAX_PROBE_BYTES,
    MAX_THUMBNAIL_BYTES,
    REFUSALS,
    CropTask,
    crop_answers,
    faces_request,
)
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_AIMING_BYTES, MAX_CROP_PIXELS

CROP_LIMITS: Final = Limits(memory_bytes=600_000_000, processor_s=1)
"""Of processor time, for the crops of one batch; the decoder's libraries alone take 400 MB of address space."""
MAX_BATCH: Final = 16
"""Crops of one request."""
ANSWER_S: Final = 3.0
"""How long a batch may take on the clock; the most costly crop takes 20 ms of processor time."""
MAX_CONVERSATIONS: Final = 20_000
"""Batches of crops, and single ones, after which a process is replaced."""
MAX_ENDED: Final = 3
ENDED_PER_S: Final = 1 / 60
"""Decoders that crops of one camera may end, the burst and the sustained rate (per second); beyond it they wait."""
MAX_CAMERAS: Final = 1_000

_KEEPS_MEMORY: Final = MappingProxyType(
    {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864"}
)
"""Without it the memory of each large crop goes back to the kernel, and its 500 pages take as long as the decoding."""

_FACE_SHAPE: Final = (ALIGNED_SIZE, ALIGNED_SIZE, 3)
_FACE_BYTES: Final = 3 * ALIGNED_SIZE**2
_ATTEMPTS: Final = 2
"""For a picture that somebody waits for, so that a process that ends by chance does not cost it."""

log = structlog.get_logger()


class CropDecoder:
    """Has crops decoded by `count` processes, which are started at once. Threads may share it."""

    def __init__(self, count: int, held_back: Callable[[str], object] = lambda _: None) -> None:
        """`held_back` is called with the key of a camera whose crops have ended too many, on the caller's thread."""
        self._held_back = held_back
        self._pool = ConfinedPool(
            f"{crop_answers.__module__}:{crop_answers.__name__}",
            CROP_LIMITS,
            count=count,
            max_answer_bytes=max(MAX_BATCH * (1 + _FACE_BYTES), MAX_PROBE_BYTES, MAX_AIMING_BYTES),
            environment=_KEEPS_MEMORY,
            answer_s=ANSWER_S,
            conversations=MAX_CONVERSATIONS,
            ready=True,
        )
        self._ended: TokenBuckets[str] = TokenBuckets(ENDED_PER_S, MAX_ENDED, MAX_CAMERAS)
        self._lock = Lock()

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def faces(self, captures: Sequence[Capture]) -> Sequence[Picture | CekalwatchError]:
        """Return the aligned face of each capture, or the error that prevents one.

        A crop that ends its decoder is damaged (CROP_DAMAGED). Those of a camera whose crops ended too many, and all
        while no process can be started, come too early (SERVER_BUSY).
        """
        waits = [self._must_wait(one.camera.camera_id) for one in captures]
        asked = [one for one, waiting in zip(captures, waits, strict=True) if not waiting]
        batches = (self._batch(asked[start : start + MAX_BATCH]) for start in range(0, len(asked), MAX_BATCH))
        found = chain.from_iterable(batches)
        return [_held_back() if waiting else next(found) for waiting in waits]

    def probe(self, capture: Capture) -> bytes:
        """Return a capture's crop as it is stored, a plain JPEG. Raises CekalwatchError as `faces` returns it."""
        return self._encoded(CropTask.PROBE, capture.camera.camera_id, capture.jpeg, MAX_PROBE_BYTES)

    def aiming_picture(self, camera_id: str, jpeg: bytes) -> bytes:
        """Return a camera's picture for aiming as people see it (`crops.aiming_jpeg`); raises as `probe` does."""
        return self._encoded(CropTask.AIMING, camera_id, jpeg, MAX_AIMING_BYTES)

    def thumbnail(self, jpeg: bytes) -> bytes:
        """Return a stored picture as it stands in lists (`crops.thumbnail_jpeg`); raises as `probe` does."""
        return self._encoded(CropTask.THUMBNAIL, "", jpeg, MAX_THUMBNAIL_BYTES)

    def _batch(self, captures: Sequence[Capture]) -> Sequence[Picture | CekalwatchError]:
        try:
            with self._pool.conversation() as ask:
                return _faces_of(ask, captures)
        except ConfinedError as error:
            if error.cause is Cause.NOT_STARTED:
                return [_busy(error)] * len(captures)
            if len(captures) == 1:
                return [self._blamed(captures[0].camera.camera_id, error)]
        # Alone, each crop shows whether it was the one.
        return [face for one in captures for face in self.faces([one])]

    def _encoded(self, task: CropTask, camera_id: str, jpeg: bytes, max_bytes: int) -> bytes:
        for left in reversed(range(_ATTEMPTS)):
            try:
                with self._pool.conversation() as ask:
                    return _plain(ask(bytes([task]) + jpeg), max_bytes)
            except Refusal as refusal:
                raise _refused(refusal) from None
            except ConfinedError as error:
                if error.cause is Cause.NOT_STARTED:
                    raise _busy(error) from None
                blamed = self._blamed(camera_id, error)
                if not left:
                    raise blamed from None
        raise AssertionError

    def _must_wait(self, camera_id: str) -> bool:
        now_s = time.monotonic()
        with self._lock:
            return self._ended.of(camera_id, now_s).take(0, now_s, 0) is None

    def _blamed(self, camera_id: str, error: ConfinedError) -> CekalwatchError:
        """Return the error of the crop that a process had when it ended, and count it against its camera."""
        log.warning("crop_decoder_died", camera_id=camera_id, cause=error.cause, detail=error.detail)
        now_s = time.monotonic()
        with self._lock:
            self._ended.of(camera_id, now_s).take(1, now_s, inf)
        if self._must_wait(camera_id):
            self._held_back(camera_id)
        return CekalwatchError(Code.CROP_DAMAGED, str(error))


def _held_back() -> CekalwatchError:
    return CekalwatchError(Code.SERVER_BUSY, "crops of this camera ended too many decoders")


def _faces_of(ask: Ask, captures: Sequence[Capture]) -> list[Picture | CekalwatchError]:
    """Ask a process for the faces of captures, and read its answer (`faces_request`). Raises ConfinedError."""
    try:
        answer = ask(faces_request((one.jpeg, one.landmarks) for one in captures)) or b""
    except Refusal as refusal:  # ours refuses single crops, in its answer
        raise ConfinedError(Cause.CRASHED, str(refusal)[:200]) from None
    told, pixels = answer[: len(captures)], answer[len(captures) :]
    if len(told) < len(captures) or len(pixels) != told.count(0) * _FACE_BYTES or max(told) > len(REFUSALS):
        raise ConfinedError(Cause.CRASHED, "no faces")
    faces = iter(np.frombuffer(pixels, np.uint8).reshape(-1, *_FACE_SHAPE))
    return [CekalwatchError(REFUSALS[refusal - 1]) if refusal else next(faces) for refusal in told]


def _busy(error: ConfinedError) -> CekalwatchError:
    return CekalwatchError(Code.SERVER_BUSY, str(error))


def _plain(answer: bytes | None, max_bytes: int) -> bytes:
    """Return the JPEG that a process made, which may say what it wants but must be a plain one."""
    if answer is None or len(answer) > max_bytes:
        raise ConfinedError(Cause.CRASHED, "no picture")
    try:
        read_plain_jpeg(answer, MAX_CROP_PIXELS)
    except PictureError as error:
        raise ConfinedError(Cause.CRASHED, str(error)) from None
    return answer


def _refused(refusal: Refusal) -> CekalwatchError:
    """Return the decoder's own error, which can only say that the crop is bad."""
    code = next((code for code in REFUSALS if refusal.kind == code), Code.CROP_DAMAGED)
    return CekalwatchError(code, refusal.detail[:200])
