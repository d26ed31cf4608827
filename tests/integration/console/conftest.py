"""The pages of an office: each module says which office."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Pages, served


@pytest.fixture
async def pages(office: PortOffice) -> AsyncIterator[Pages]:
    """A console that serves the office's site, in plaintext."""
    async with served(office) as found:
        yield found
