"""What is the same for the tests of one module about the officers' programs."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def _little_to_collect(request: pytest.FixtureRequest) -> None:
    """Keep what is there already from the collector: a desktop that ends looks through all that it has not got yet."""
    if "desktop" in request.module.__name__:
        gc.collect()
        gc.freeze()
