"""A program that is no service of Windows is none, and says so."""

from __future__ import annotations

import sys

import pytest

from cekalwatch.program.platform.service_control import serve, service_control
from cekalwatch.program.service import ServiceManager


def test_a_program_that_windows_has_not_started_as_a_service_does_no_work() -> None:
    worked = list[int]()
    with pytest.raises(OSError, match=r".+"):
        serve("cekalwatch-test", lambda: worked.append(1))
    assert not worked
    assert service_control() is None
    assert sys.platform != "win32" or not ServiceManager().is_there
