"""A server on a machine whose clock somebody sets: `cekalwatch-server`, but for what its clock shows.

    CHAOS_CLOCK=FILE python -m benchmarks.chaos.machines.set_clock_server serve …

The file says by how many seconds the clock is ahead of this machine's; it is read whenever a part asks for the time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cekalwatch.server.__main__ import main
from cekalwatch.server.foundation.clock import SystemClock

CLOCK_VARIABLE = "CHAOS_CLOCK"


def _set_by(file: Path) -> None:
    def now(self: SystemClock) -> datetime:  # noqa: ARG001  # a method's
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    _set_by(Path(os.environ[CLOCK_VARIABLE]))
    main()
