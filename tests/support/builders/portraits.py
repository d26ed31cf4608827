"""Pictures with faces that installed packages ship."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from skimage import data

from cekalwatch.vision.faces import Picture


@cache
def astronaut(scale: float = 1.0) -> Picture:
    """scikit-image's public-domain portrait: 512x512 at scale 1, one face with about 50 pixels between the eyes."""
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)  # type: ignore[no-untyped-call]
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


@cache
def group() -> Picture:
    """insightface's `t1`: 1280x886, six faces."""
    path = files("insightface") / "data" / "images" / "t1.jpg"
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)


def wall(height: int = 480, width: int = 640) -> Picture:
    """A plain, slightly noisy wall without a face."""
    noise = np.random.default_rng(1).normal(0, 4, (height, width, 3))
    return np.clip(120 + noise, 0, 255).astype(np.uint8)


def encoded(picture: Picture, suffix: str = ".jpg", quality: int = 90) -> bytes:
    """The picture as a file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    return cv2.imencode(suffix, picture, options)[1].tobytes()
