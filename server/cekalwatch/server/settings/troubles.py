"""When a camera counts as slow, and how long troubles are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from cekalwatch.program.settings import Settings


class TroubleSection(Settings):
    """Troubles of cameras and sources."""

    least_camera_fps: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Pictures a second; a camera of which fewer are looked at counts as slow. 0: none does."""
    trouble_retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    """Days for which a trouble that is over is kept, for reports."""

    @property
    def trouble_retention(self) -> timedelta:
        """How long a trouble that is over is kept."""
        return timedelta(days=self.trouble_retention_days)
