"""Which engine makes templates now. Changing the model puts another in its place, for whoever asks from then on."""

from __future__ import annotations

from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs import Engine
from cekalwatch.server.recognition.recogniser import Recogniser


class EngineInUse:
    """Holds a reference, whose reading and changing are atomic."""

    def __init__(self, engine: Engine) -> None:
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
        """Use another engine from now on."""
        # One enroller, for it lets one thread at a time to the detector.
        self._current = (engine, Enroller(engine.detector, engine.recogniser))
