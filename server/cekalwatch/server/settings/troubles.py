"""When a camera counts as slow and a port as silent, and how long troubles are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from cekalwatch.program.settings import Settings


class TroubleSection(Settings):
    """Troubles of cameras and sources."""

    min_camera_fps: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Pictures a second; a camera of which fewer are looked at counts as slow. 0: none does."""
    problem_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """Days for which a trouble that is over is kept, for reports."""

    port_silence_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """Minutes after which a centre tells of a port with a server of its own that does not follow the list, or reports
    nothing."""

    @property
    def port_silence(self) -> timedelta:
        """How long a port may be silent."""
        return timedelta(minutes=self.port_silence_minutes)

    @property
    def trouble_retention(self) -> timedelta:
        """How long a trouble that is over is kept."""
        return timedelta(days=self.problem_retention_days)
