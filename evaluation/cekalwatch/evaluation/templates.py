"""From photographs to templates: the only module of an evaluation that reads pictures.

Each worker thread has a detector, and all share the recogniser. Photographs are read in a window of limited length, and
only their templates and figures are kept, so memory grows by 4 kB per photograph.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from cekalwatch.evaluation.collection import LabelledPhotograph
from cekalwatch.evaluation.samples import FaceTemplates, Failure, Sample
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.engines.recogniser import Recogniser, TemplateError
from cekalwatch.server.recognition.enrolment import find_upright, plain_and_reference
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.quality import measure
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

WINDOW: Final = 4
"""Maximum number of photographs that a worker reads ahead."""


class TemplateCache:
    """The results of photographs with one model, by the sha256 of their bytes. Threads may share it.

    They are only in memory, since templates must not be unsealed on a disk.
    """

    def __init__(self) -> None:
        self._known: dict[str, FaceTemplates | Failure] = {}
        self._lock = threading.Lock()

    def get(self, sha256: str) -> FaceTemplates | Failure | None:
        """Return the result of a photograph, or None."""
        with self._lock:
            return self._known.get(sha256)

    def put(self, sha256: str, made: FaceTemplates | Failure) -> None:
        with self._lock:
            self._known[sha256] = made


@dataclass(eq=False)
class TemplateMaker:
    """Makes the samples of photographs, and caches them by content. Use it as a context manager."""

    detector: Callable[[], FaceDetector]
    recogniser: Recogniser
    cache: TemplateCache
    threads: int
    _own: threading.local = field(init=False, default_factory=threading.local)

    def samples(self, wanted: Iterable[tuple[LabelledPhotograph, bool]]) -> Iterator[Sample]:
        """Yield a sample for each photograph, in order; the flag says whether it may be a reference."""
        pending: deque[Future[Sample]] = deque()
        with ThreadPoolExecutor(self.threads, "evaluate") as pool:
            try:
                for photograph, as_reference in wanted:
                    pending.append(pool.submit(self._sample, photograph, as_reference))
                    if len(pending) >= self.threads * WINDOW:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _sample(self, photograph: LabelledPhotograph, as_reference: bool) -> Sample:
        try:
            data = _read(photograph.path)
        except OSError:
            return Sample(photograph, "", Failure.UNREADABLE)
        sha256 = hashlib.sha256(data).hexdigest()
        known = self.cache.get(sha256)
        if known is not None and not (as_reference and isinstance(known, FaceTemplates) and known.reference is None):
            return Sample(photograph, sha256, known)
        made = self._make(data, as_reference)
        self.cache.put(sha256, made)
        return Sample(photograph, sha256, made)

    def _make(self, data: bytes, as_reference: bool) -> FaceTemplates | Failure:
        try:
            picture = decode_photograph(data)
        except CekalwatchError as error:
            if error.code is Code.SERVER_BUSY:
                raise ProgramError("Photographs so large need too much memory at once: take fewer --threads") from None
            return Failure.UNREADABLE
        if not hasattr(self._own, "detector"):
            self._own.detector = self.detector()
        picture, faces, _ = find_upright(self._own.detector, picture)
        face = middle_face(faces, picture)
        if face is None:
            return Failure.NO_FACE
        try:
            aligned = align(picture, face.landmarks)
            quality = measure(picture, face).score
            if as_reference:
                return FaceTemplates(*plain_and_reference(self.recogniser, aligned), quality)
            return FaceTemplates(self.recogniser.embed(aligned[np.newaxis])[0], None, quality)
        except (LandmarksError, TemplateError):
            return Failure.NO_FACE


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        # One byte more than allowed, so that the decoder refuses a file that is too long.
        return stream.read(MAX_PHOTO_BYTES + 1)


def middle_face(faces: list[Face], picture: Picture) -> Face | None:
    """Return the face of the photograph's person, or None.

    It is the largest face whose centre is within a quarter of the width from the picture's centre, or else the
    largest: crops and portraits have their person in the centre, and a neighbour at the edge may be larger.
    """
    height, width = picture.shape[:2]
    near = [
        face
        for face in faces
        if np.hypot((face.left + face.right - width) / 2, (face.top + face.bottom - height) / 2) < width / 4
    ]
    return max(near or faces, key=lambda face: face.width, default=None)
