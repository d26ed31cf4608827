"""What several files about a list over HTTP read: an application of three orders, and a source of its list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.web import Simulator
from tests.support.fakes.simulated_application import simulated, source_of


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated() as one:
        yield one


@pytest.fixture
def source(simulator: Simulator) -> Iterator[HttpSource]:
    with source_of(simulator) as one:
        yield one
