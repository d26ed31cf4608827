"""Callbacks by which the parts of the server report how long each step takes. It knows no metrics library."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Measure = Callable[[float], object]
"""Records a duration in seconds; any thread may call it."""
BatchMeasure = Callable[[int, float], object]
"""Records the size of a batch, and its duration in seconds; any thread may call it."""


def unmeasured(*_: float) -> None:
    """Record nothing."""


@dataclass(frozen=True)
class Metrics:
    """Callbacks that record how long each step takes. The default does nothing."""

    receipt: Measure = unmeasured
    """From the arrival of a capture to its receipt."""
    decision: Measure = unmeasured
    """From the time of the picture to the decision whether it alerts."""
    event: Measure = unmeasured
    """From the time of the picture to the commit of its alert event."""
    acknowledgement: Measure = unmeasured
    """From the commit of an event to its acknowledgement by an agent."""
    commit: Measure = unmeasured
    """One commit of the database."""
    batch: Callable[[str], BatchMeasure] = lambda _: unmeasured
    """Returns the callback for a batch worker, by its name."""


NO_METRICS = Metrics()


@contextmanager
def timed(measure: Measure) -> Iterator[None]:
    """Record how long the block takes, also when it raises."""
    begun_s = time.perf_counter()
    try:
        yield
    finally:
        measure(time.perf_counter() - begun_s)
