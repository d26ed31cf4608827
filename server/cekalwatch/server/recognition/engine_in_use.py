"""The engine that makes templates now. Changing the model replaces it for all later callers."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import Engine, open_detector
from cekalwatch.vision.faces import Picture


class EngineInUse:
    """Holds the engine and its enroller; any thread reads them."""

    def __init__(self, engine: Engine, enrolling: int, decode: Callable[[bytes], Picture]) -> None:
        """`enrolling` threads make reference faces at the same time, each with its own detector.

        `decode` decodes their photographs.
        """
        self._enrolling = enrolling
        self._decode = decode
        self.take(engine)

    def take(self, engine: Engine) -> None:
        """Use another engine from now on. Raises PackError."""
        more = [open_detector(engine.pack, threads=1) for _ in range(self._enrolling - 1)]
        self.enroller = Enroller(engine.detector, engine.recogniser, decode=self._decode, more_detectors=more)
        self.engine = engine
