"""The camera client's settings: a TOML file, environment variables `CEKALWATCH_CAMERA_…`, command line options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.connection import ClientSettings

DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-camera", appauthor=False)) / "tls"


class CameraSettings(ClientSettings):
    """Every setting of `cekalwatch-camera`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_CAMERA_")

    camera_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    """Key of this camera in the server's configuration."""
    source: Annotated[str, Field(min_length=1)]
    """Video file, folder of pictures, device number or rtsp:// address."""
    tls_dir: Path = DEFAULT_TLS_DIR
    realtime: bool = False
    """Read a file at its own pace, as a camera would give it, instead of as fast as possible."""
    detector: Path = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False)) / "models" / "starter"
    """Folder of a model pack, or an SCRFD network (.onnx)."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Native threads for detection and image work."""
    detect_every: Annotated[int, Field(ge=1, le=100)] = 1
    """Look for faces in each so manieth frame."""
    track_miss_s: Annotated[float, Field(gt=0, le=30)] = 1.0
    """For how long a face may be hidden before its passage is over."""
    outbox_size: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Crops that wait for a receipt, at most; a crop has 10 to 200 kB."""
    receipts_wait_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """With a file: for how long the server may be silent before the client gives up."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
