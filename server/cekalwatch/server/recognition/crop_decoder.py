"""Decodes cameras' crops in confined processes (docs/adr/0017, docs/adr/0077).

An exploited decoder finds neither keys nor network there, and returns only pixels. One that crashes or hangs costs the
crop that it had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import MAX_PROBE_BYTES, MAX_THUMBNAIL_BYTES, CropTask, crop_answers
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.faces import Picture
from cekalwatch.wire.bounds import MAX_AIMING_BYTES, MAX_CROP_PIXELS

CROP_LIMITS: Final = Limits(memory_bytes=600_000_000, processor_s=1)
"""Of processor time, for the crops of one batch; the decoder's libraries alone take 400 MB of address space."""
ANSWER_S: Final = 3.0
"""How long a crop may take on the clock; the most costly one takes 20 ms of processor time."""
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
_REFUSALS: Final = frozenset(
    {
        Code.CROP_TOO_LARGE,
        Code.CROP_TOO_MANY_PIXELS,
        Code.CROP_NOT_JPEG,
        Code.CROP_DAMAGED,
        Code.LANDMARKS_INVALID,
    }
)
"""What may be said of a crop."""

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
            max_answer_bytes=max(_FACE_BYTES, MAX_PROBE_BYTES, MAX_AIMING_BYTES),
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
        found: list[Picture | CekalwatchError] = []
        while len(found) < len(captures):
            try:
                with self._pool.conversation() as ask:
                    for capture in captures[len(found) :]:
                        found.append(self._face(ask, capture))  # noqa: PERF401  # those before an error stay
            except ConfinedError as error:
                if error.cause is Cause.NOT_STARTED:
                    return [*found, *[_busy(error)] * (len(captures) - len(found))]
                found.append(self._blamed(captures[len(found)].camera.camera_id, error))
        return found

    def probe(self, capture: Capture) -> bytes:
        """Return a capture's crop as it is stored, a plain JPEG. Raises CekalwatchError as `faces` returns it."""
        return self._encoded(CropTask.PROBE, capture.camera.camera_id, capture.jpeg, MAX_PROBE_BYTES)

    def aiming_picture(self, camera_id: str, jpeg: bytes) -> bytes:
        """Return a camera's picture for aiming as people see it (`crops.aiming_jpeg`); raises as `probe` does."""
        return self._encoded(CropTask.AIMING, camera_id, jpeg, MAX_AIMING_BYTES)

    def thumbnail(self, jpeg: bytes) -> bytes:
        """Return a stored picture as it stands in lists (`crops.thumbnail_jpeg`); raises as `probe` does."""
        return self._encoded(CropTask.THUMBNAIL, "", jpeg, MAX_THUMBNAIL_BYTES)

    def _face(self, ask: Ask, capture: Capture) -> Picture | CekalwatchError:
        if self._must_wait(capture.camera.camera_id):
            return CekalwatchError(Code.SERVER_BUSY, "crops of this camera ended too many decoders")
        landmarks = np.array(capture.landmarks, dtype=np.float32).tobytes()
        try:
            answer = ask(bytes([CropTask.FACE]) + landmarks + capture.jpeg)
        except Refusal as refusal:
            return _refused(refusal)
        if answer is None or len(answer) != _FACE_BYTES:
            raise ConfinedError(Cause.CRASHED, "no face")
        return np.frombuffer(answer, dtype=np.uint8).reshape(_FACE_SHAPE)

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
    code = next((code for code in _REFUSALS if refusal.kind == code), Code.CROP_DAMAGED)
    return CekalwatchError(code, refusal.detail[:200])
