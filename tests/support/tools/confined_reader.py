"""The confined process that reads a list, begun by a fork: Python loads what it reads with for a quarter of a second.

It is confined as the product's is. `forking.py` runs it with the limits and the words of the product's worker.
"""

from __future__ import annotations

import json
import os
import sys

from cekalwatch.program.confined import launcher, worker
from cekalwatch.program.confined.limits import Limits


def main() -> None:
    """Confine this process, and do what the worker does."""
    kept = sys.stdout
    limits = Limits.from_json(json.loads(sys.argv.pop(1)))
    os.chdir("/")
    os.setsid = lambda: None  # what is forked has a session of its own
    launcher.confine(limits)
    with kept:  # else it is closed with the last name for it
        worker.main()
