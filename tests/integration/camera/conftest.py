"""A device that can be turned, and a monitor of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes.onvif_device import OnvifDevice
from tests.support.scenarios.turning import (
    ARRIVALS,
    DEPARTURES,
    Mount,
)


@pytest.fixture
def device() -> Iterator[OnvifDevice]:
    with OnvifDevice({"departures": DEPARTURES, "arrivals": ARRIVALS}) as running:
        running.position = DEPARTURES
        yield running


@pytest.fixture
def mount(device: OnvifDevice, tmp_path: Path) -> Mount:
    return Mount(device, tmp_path / "ptz")
