"""What one input may cost. An input that takes longer or more memory is a find, as a crash is.

The hostile inputs that were found by hand crashed nothing: they were small, and slow or large to read.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.tools.own_memory import forget_peak, peak_bytes

Target = Callable[[bytes], None]


class CostlyInput(Exception):  # noqa: N818  # it is a find, not an error of the program
    """An input cost more than it may."""


@dataclass(frozen=True)
class FuzzTarget:
    """What takes any bytes, and lets nothing out but what is allowed to come of them; and what an input may cost it."""

    place: str
    """MODULE:FUNCTION. It is imported only when it is fuzzed: instrumenting all modules takes a minute."""
    max_bytes: int = 4096
    cpu_s: float = 1.0
    """Processor time of the process, all threads; with atheris's instruments code takes several times as long."""
    der: bool = False
    """Whether its inputs are a byte and DER, which a library reads that is not instrumented."""
    memory_mb: int = 100
    """By how much the process may grow for it at most."""

    def load(self, patience: float = 1.0) -> Target:
        """Import it, and return it; it raises CostlyInput for an input that costs more. `patience`: times `cpu_s`."""
        module, _, function = self.place.partition(":")
        return bounded(getattr(importlib.import_module(module), function), self.cpu_s * patience, self.memory_mb)


def bounded(take: Target, cpu_s: float, memory_mb: int) -> Target:
    """Return `take`, which raises CostlyInput for an input that costs more."""

    def taking(data: bytes) -> None:
        forget_peak()
        before, began_s = peak_bytes(), time.process_time()
        take(data)
        took_s, grown_mb = time.process_time() - began_s, (peak_bytes() - before) / 2**20
        if took_s > cpu_s or grown_mb > memory_mb:
            raise CostlyInput(f"{len(data)} bytes took {took_s:.2f} s and {grown_mb:.0f} MB")

    return taking
