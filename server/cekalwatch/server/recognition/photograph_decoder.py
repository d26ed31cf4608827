"""Decodes photographs from outside in confined processes: a flaw in a decoder finds neither keys nor network there.

The picture that comes back is numbers without structure; everything after it happens in the server.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final

import numpy as np
import structlog

from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Refusal
from cekalwatch.program.confined.pool import Cause, ConfinedError, ConfinedPool
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.photographs import DECODE_BYTES, LONG_SIDE, decoding, decoding_memory
from cekalwatch.vision.faces import Picture

DECODER_LIMITS: Final = Limits(memory_bytes=1_200_000_000, processor_s=30)
"""The decoders' libraries alone take 400 MB of address space."""

_NEEDED: Final = struct.Struct("!Q")
_SIZE: Final = struct.Struct("!II")
_MAX_ANSWER_BYTES: Final = _SIZE.size + 3 * LONG_SIDE**2
_CODES: Final = {
    Cause.MEMORY: Code.PHOTO_TOO_LARGE,
    Cause.TIME: Code.PHOTO_TOO_LARGE,
    Cause.CRASHED: Code.PHOTO_UNREADABLE,
    Cause.FAILED: Code.PHOTO_UNREADABLE,
    Cause.NOT_STARTED: Code.SERVER_BUSY,
}

log = structlog.get_logger()


class PhotographDecoder:
    """Decodes photographs, `count` at once; threads may share it."""

    def __init__(self, count: int) -> None:
        function = f"{__name__}:{decoded_answers.__name__}"
        self._pool = ConfinedPool(function, DECODER_LIMITS, count=count, max_answer_bytes=_MAX_ANSWER_BYTES)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()

    def decode(self, data: bytes) -> Picture:
        """Do as `decode_photograph`; one whose decoder dies is refused, and the next one gets another decoder."""
        try:
            with self._pool.conversation() as ask, decoding_memory.taken(_needed(ask(data))):
                return _picture(ask(b""))
        except Refusal as refusal:
            raise _refused(refusal) from None
        except ConfinedError as error:
            log.warning("photograph_decoder_died", cause=error.cause, detail=error.detail)
            raise CekalwatchError(_CODES[error.cause], str(error)) from None


def decoded_answers(data: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process, with the memory that decoding takes, and when it is granted, with the picture."""
    steps = decoding(data)
    try:
        yield _NEEDED.pack(next(steps))
        try:
            next(steps)
        except StopIteration as done:
            picture: Picture = done.value
            height, width = picture.shape[:2]
            yield _SIZE.pack(height, width) + picture.tobytes()
    except CekalwatchError as error:
        raise Refusal(error.code, error.detail) from error


def _needed(answer: bytes | None) -> int:
    if answer is None or len(answer) != _NEEDED.size:
        raise ConfinedError(Cause.CRASHED, "no memory is named")
    (needed,) = _NEEDED.unpack(answer)
    if not 0 <= needed <= DECODE_BYTES:
        raise ConfinedError(Cause.CRASHED, "more memory is named than there is")
    return int(needed)


def _picture(answer: bytes | None) -> Picture:
    if answer is None or len(answer) < _SIZE.size:
        raise ConfinedError(Cause.CRASHED, "no picture")
    height, width = _SIZE.unpack_from(answer)
    if not (1 <= height <= LONG_SIDE and 1 <= width <= LONG_SIDE) or len(answer) != _SIZE.size + 3 * height * width:
        raise ConfinedError(Cause.CRASHED, "no picture of the stated size")
    # Its own copy, which may be written to.
    return np.frombuffer(bytearray(answer), dtype=np.uint8, offset=_SIZE.size).reshape(height, width, 3)


def _refused(refusal: Refusal) -> CekalwatchError:
    """Return the decoder's own error. It may say nothing else but that the photograph is bad."""
    code = Code.PHOTO_TOO_LARGE if refusal.kind == Code.PHOTO_TOO_LARGE else Code.PHOTO_UNREADABLE
    return CekalwatchError(code, refusal.detail[:200])
