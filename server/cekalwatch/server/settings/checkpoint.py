"""The checkpoint: its sites, its cameras, and the figures of the law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import Field, model_validator

from cekalwatch.program.settings import Settings
from cekalwatch.server.domain.checkpoints import Camera, LegalParameters, Site


class CheckpointSection(Settings):
    """Sites, cameras and law."""

    sites: Annotated[tuple[Site, ...], Field(min_length=1)] = (Site("batam-center"),)
    """The ports or terminals that this server serves. The first one counts where none is named."""
    cameras: tuple[Camera, ...] = ()
    """The cameras that may connect."""
    legal: LegalParameters = LegalParameters()
    """What the law allows; an order that goes beyond it never alerts."""

    @property
    def home(self) -> Site:
        """The first site: what counts where none is named."""
        return self.sites[0]

    @property
    def law(self) -> Mapping[str, str]:
        """What decides about orders, by the names of the settings: the figures, and the time zone of each site."""
        figures = {f"legal.{name}": str(value) for name, value in asdict(self.legal).items()}
        return figures | {f"sites.{site.site}": site.time_zone for site in self.sites}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse_twice("site", [entry.site for entry in self.sites])
        known = {entry.site for entry in self.sites}
        for camera in self.cameras:
            if camera.site not in known:
                raise ValueError(f"camera {camera.camera_id!r} is at site {camera.site!r}, which `sites` does not list")
        _refuse_twice("camera", [camera.camera_id for camera in self.cameras])
        return self


def _refuse_twice(what: str, keys: list[str]) -> None:
    for key, times in Counter(keys).items():
        if times > 1:
            raise ValueError(f"{what} {key!r} is listed twice")
