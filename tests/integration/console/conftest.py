"""An office, its pages, and a browser: each module says of which people, and with which settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.web_console import Browser, Pages, served


@pytest.fixture
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PortOffice]:
    """An office of the module's PEOPLE, which serves with its SETTINGS."""
    settings = getattr(request.module, "SETTINGS", {})
    async with port_office(tmp_path, request.module.PEOPLE, **settings).open() as found:
        yield found


@pytest.fixture
async def pages(office: PortOffice) -> AsyncIterator[Pages]:
    """A console that serves the office's site, in plaintext."""
    async with served(office) as found:
        yield found


@pytest.fixture
async def browser(request: pytest.FixtureRequest, pages: Pages) -> AsyncIterator[Browser]:
    """A browser at which the first of the module's PEOPLE has signed in."""
    async with pages.browser() as found:
        await found.sign_in(next(iter(request.module.PEOPLE)))
        yield found
