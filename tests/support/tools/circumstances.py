"""Circumstances of a build that must not show in what it makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.release.wheel import Circumstances


@contextmanager
def under(circumstances: Circumstances) -> Iterator[None]:
    """Let what the block starts run with this umask and these variables."""
    before = os.umask(circumstances.umask)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in circumstances.environment:
                patch.setenv(name, value)
            yield
    finally:
        os.umask(before)
