"""What the parts of the server tell of their delays, to whoever measures them. It knows nobody who does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Measure = Callable[[float], object]
"""Takes a delay in seconds; any thread may call it."""
BatchMeasure = Callable[[int, float], object]
"""Takes the size of a batch, and the seconds that it took; any thread may call it."""


def unmeasured(*_: float) -> None:
    """Measure nothing."""


@dataclass(frozen=True)
class Metrics:
    """Who measures what; nobody, unless the server has somebody for it."""

    receipt: Measure = unmeasured
    """From the arrival of a capture to its receipt."""
    decision: Measure = unmeasured
    """From the picture to the decision whether it alerts."""
    event: Measure = unmeasured
    """From the picture to the commit of its alert event."""
    acknowledgement: Measure = unmeasured
    """From the commit of an event to its acknowledgement by an agent."""
    commit: Measure = unmeasured
    """How long the database took to commit."""
    batch: Callable[[str], BatchMeasure] = lambda _: unmeasured
    """Gives the measure of a batch worker, by its name."""


NO_METRICS = Metrics()


@contextmanager
def timed(measure: Measure) -> Iterator[None]:
    """Measure how long the block takes, also when it raises."""
    begun_s = time.perf_counter()
    try:
        yield
    finally:
        measure(time.perf_counter() - begun_s)
