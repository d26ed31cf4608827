"""The engine that makes templates now. A change of the model replaces it for all later callers."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import Engine, open_detector
from cekalwatch.vision.faces import Picture


class EngineInUse:
    """Holds the engine; reading and replacing it are atomic."""

    def __init__(self, engine: Engine, enrolling: int, decode: Callable[[bytes], Picture]) -> None:
        """`enrolling` threads make reference faces at the same time, each with its own detector.

        `decode` decodes their photographs.
        """
        self._enrolling = enrolling
        self._decode = decode
        self.take(engine)

    def engine(self) -> Engine:
        """Return the engine."""
        return self._current[0]

    def recogniser(self) -> Recogniser:
        """Return its recogniser."""
        return self._current[0].recogniser

    def enroller(self) -> Enroller:
        """Return the enroller."""
        return self._current[1]

    def take(self, engine: Engine) -> None:
        """Use another engine from now on. Raises PackError."""
        more = [open_detector(engine.pack, threads=1) for _ in range(self._enrolling - 1)]
        self._current = (engine, Enroller(engine.detector, engine.recogniser, decode=self._decode, more_detectors=more))
