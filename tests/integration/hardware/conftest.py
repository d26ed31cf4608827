from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tools.soft_token import SoftToken, soft_token


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "token") as plugged_in:
        yield plugged_in
