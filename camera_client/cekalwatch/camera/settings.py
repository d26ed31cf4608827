"""The camera client's settings: a TOML file, environment variables `CEKALWATCH_CAMERA_…`, command line options.

One camera is given by `camera_id` and `source`. Several are `[[cameras]]`: each has a `camera_id` and a `source`, and
whatever else of CameraOptions is different for it; the rest is as at the top.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from cekalwatch.camera.outbox.spool_terms import SpoolTerms
from cekalwatch.camera.sources.opencv import Transport
from cekalwatch.program.connection import ClientSettings
from cekalwatch.vision.region import Region
from cekalwatch.wire.address import is_loopback

DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-camera", appauthor=False)) / "tls"

CameraId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Source = Annotated[str, Field(min_length=1)]


def _on_loopback(address: str) -> str:
    if address and not is_loopback(address):
        raise ValueError("metrics are for this machine only: 127.0.0.1:PORT; let what collects them run here")
    return address


def _region(corners: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
    if corners is not None:
        Region(corners)
    return corners


class Turnable(BaseModel):
    """A camera that can be turned, through ONVIF, and the preset at which this camera key watches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, Field(pattern=r"^https?://[^/@\s]+$")]
    """http://HOST or http://HOST:PORT; no password in it."""
    user: Annotated[str, Field(min_length=1)]
    password_file: Path | None = None
    """File with the ONVIF user's password alone; `ptz_password` when not set."""
    preset: Annotated[str, Field(min_length=1)]
    """Name or token of the preset in the camera."""


class CameraOptions(BaseModel):
    """What each camera can have of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    realtime: bool = False
    """Read a file at its own pace, as a camera would give it, instead of as fast as possible."""
    rtsp_transport: Transport = Transport.TCP
    """How a network camera sends its pictures: "tcp" or "udp"."""
    device_size: Literal["480p", "720p", "1080p"] = "720p"
    """The picture's size that a device is asked for; it gives the nearest that it has."""
    detector: Path = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False)) / "models" / "starter"
    """Folder of a model pack, or an SCRFD or YuNet network (.onnx)."""
    region: Annotated[tuple[tuple[float, float], ...] | None, AfterValidator(_region)] = None
    """The part of the picture where faces are looked for; the whole of it when not set. Corners, each x and y from 0 to
    1 from the left and top: two of a rectangle, or three and more of a polygon."""
    detect_every: Annotated[int, Field(ge=1, le=100)] = 1
    """Look at each so manieth frame only. Frames in which nothing new can be are not searched in any case."""
    track_miss_s: Annotated[float, Field(gt=0, le=30)] = 1.0
    """For how long a face may be hidden before its passage is over."""
    outbox_size: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Crops that wait for a receipt, at most; a crop has 10 to 200 kB."""
    ptz: Turnable | None = None
    """For a camera that can be turned. Each preset at which it watches is a camera_id of its own."""


class CameraEntry(CameraOptions):
    """One of `[[cameras]]`."""

    camera_id: CameraId
    source: Source
    tls_dir: Path | None = None
    """Folder of this camera's own certificate; the folder `camera_id` below the common `tls_dir` when not set."""


class OneCamera(CameraEntry):
    """One camera with all that holds for it; nothing is left open."""

    tls_dir: Path


class CameraSettings(ClientSettings, CameraOptions):
    """Every setting of `cekalwatch-camera`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_CAMERA_")

    camera_id: CameraId | None = None
    """Key of this camera in the server's configuration."""
    source: Source | None = None
    """Video file, folder of pictures, device number or rtsp:// address."""
    cameras: tuple[CameraEntry, ...] = ()
    """Several cameras, instead of `camera_id` and `source`."""
    tls_dir: Path = DEFAULT_TLS_DIR
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Native threads for detection and image work, of each camera."""
    receipts_wait_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """With a file: for how long the server may be silent before the client gives up."""
    spool_dir: Path = Path(platformdirs.user_state_dir("cekalwatch-camera", appauthor=False)) / "spool"
    """Folder in which crops of cameras wait, sealed, that have no receipt in time; each camera has one below it."""
    spool_key: Path = Path(platformdirs.user_config_dir("cekalwatch-camera", appauthor=False)) / "spool.key"
    """File with the key that seals them; it is made at first start, and nobody else may be able to read it."""
    spool_mb: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Megabytes of crops of each camera on the disk, at most."""
    spool_hours: Annotated[float, Field(gt=0, le=24)] = 4.0
    """How long a crop may wait for a receipt; then it is dropped, wherever it is."""
    spill_after_s: Annotated[float, Field(ge=0.1, le=60)] = 1.5
    """A crop without a receipt for so long goes to the disk; one that gets it sooner never does."""
    ptz_password: SecretStr | None = None
    """Password of `ptz` users that have no password_file. Meant for the environment; there is no option for it."""
    metrics_listen: Annotated[str, AfterValidator(_on_loopback)] = ""
    """HOST:PORT on this machine at which Prometheus gets figures, for example 127.0.0.1:9464; off when empty."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.cameras:
            if self.camera_id or self.source:
                raise ValueError("give camera_id and source, or [[cameras]], not both")
            twice = [key for key, times in Counter(entry.camera_id for entry in self.cameras).items() if times > 1]
            if twice:
                raise ValueError(
                    f"[[cameras]] has {', '.join(twice)} more than once; each needs a camera_id of its own"
                )
        elif not (self.camera_id and self.source):
            raise ValueError("camera_id and source are needed, or [[cameras]]")
        return self

    @property
    def spool_terms(self) -> SpoolTerms:
        """What holds for the spool of each camera."""
        return SpoolTerms(
            self.spool_dir, self.spool_key, self.spool_mb * 1_000_000, self.spool_hours * 3600, self.spill_after_s
        )

    def each(self) -> tuple[OneCamera, ...]:
        """Return the cameras, with what the top says put in where they say nothing."""
        common = self.model_dump(include=set(CameraOptions.model_fields))
        if self.camera_id and self.source:
            return (OneCamera(camera_id=self.camera_id, source=self.source, tls_dir=self.tls_dir, **common),)
        return tuple(
            OneCamera(**common | {"tls_dir": self.tls_dir / entry.camera_id} | entry.model_dump(exclude_unset=True))
            for entry in self.cameras
        )
