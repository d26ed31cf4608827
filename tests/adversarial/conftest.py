"""What the attacks share: the kinds of database on which they are tried, and the camera client's camera that turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.camera.conftest import device, mount

__all__ = ["database_setting", "device", "mount"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_setting(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The server's setting of an empty database of each kind."""
    if request.param == "sqlite":
        yield {}
    else:
        yield {"database_url": request.getfixturevalue("postgres_database")}
