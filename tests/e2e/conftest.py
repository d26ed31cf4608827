"""A real browser and the pages that it opens, the last release, and a traveller.

Each module says of which people an office is, and with which settings. What has a browser runs on one event loop for
its module, for that is how long Chromium stays.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from deploy.demo.faces import built_in_people
from deploy.demo.people import Person, Role
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.real_browser import chromium
from tests.support.scenarios.web_console import Pages, served
from tests.support.tools.forked_programs import INTERPRETERS
from tests.support.tools.last_release import (
    OtherVersion,
    install_as,
    install_version,
    kept_version,
    later_version,
    released_commit,
)
from tests.support.tools.packs import light_pack


@pytest.fixture(scope="session")
def traveller() -> Person:
    """Somebody who is on the list and departs."""
    people = built_in_people(open_engine(load_pack(light_pack()), threads=1).detector)
    return next(one for one in people if one.role is Role.LISTED)


@pytest.fixture(scope="session")
def versions_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where other versions are installed, once for all processes of a run."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def released(versions_folder: Path) -> OtherVersion:
    """The programs of the last release; skips where its commit or packages are not here."""
    commit = released_commit()
    return _forked(kept_version(versions_folder / "release", partial(install_version, commit)))


@pytest.fixture(scope="session")
def present(versions_folder: Path) -> OtherVersion:
    """The programs of these sources, as the next patch."""
    return _forked(kept_version(versions_folder / "present", partial(install_as, later_version(patch=1))))


def _forked(version: OtherVersion) -> OtherVersion:
    INTERPRETERS.add(str(version.python))
    return version


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _chromium() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def browser(_chromium: Browser) -> AsyncIterator[Browser]:
    """Chromium, with nothing open, and in which nothing is left of what another test did."""
    yield _chromium
    for context in _chromium.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PortOffice]:
    """An office of the module's PEOPLE, which serves with its SETTINGS."""
    settings = getattr(request.module, "SETTINGS", {})
    async with port_office(tmp_path, request.module.PEOPLE, **settings).open() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def pages(office: PortOffice) -> AsyncIterator[Pages]:
    """A console that serves the office's site, with TLS."""
    async with served(office, hosts=("127.0.0.1",)) as found:
        yield found


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which the programs write whatever they take for home or temporary; they log all they can."""
    folder = tmp_path / "written"
    for name in ("TMPDIR", "HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        place = folder / name.lower()
        place.mkdir(parents=True)
        monkeypatch.setenv(name, str(place))
    for program in ("SERVER", "CAMERA", "NOTIFIER"):
        monkeypatch.setenv(f"CEKALWATCH_{program}_LOG_LEVEL", "debug")
    return folder
