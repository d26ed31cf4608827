"""What a fault is: its kind, and how it is made and mended."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation

Make = Callable[[Installation, str, random.Random], AbstractContextManager[None]]
"""Makes a fault at a target for the time of the block, and mends it then; it may block. What it draws, it
draws from the chance that it is given. Faults of other targets are made on other threads meanwhile."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    kind: FaultKind
    make: Make
