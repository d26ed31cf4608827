"""What the attacks share: the kinds of database, who writes one without its keys, and the camera that turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.server.settings.settings import ServerSettings
from tests.integration.camera.conftest import device, mount
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.server import settings

__all__ = ["database_setting", "device", "mount"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_setting(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The server's setting of an empty database of each kind."""
    if request.param == "sqlite":
        yield {}
    else:
        yield {"database_url": request.getfixturevalue("postgres_database")}


@pytest.fixture
def chosen(tmp_path: Path, database_setting: dict[str, str]) -> ServerSettings:
    """Settings of a server with a database of each kind."""
    return settings(tmp_path, **database_setting)


@pytest.fixture
def intruder(chosen: ServerSettings) -> Intruder:
    """Whoever can write that database, and has no key."""
    return Intruder(chosen)
