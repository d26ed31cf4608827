"""How tests are dealt to workers: all begin with what takes longest, and files stay together."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.tools.dealing import dealt

pytest_plugins = ["pytester"]

LONG = """
import pytest

@pytest.mark.timeout({seconds})
def test_long(): pass
"""
SHORT = "def test_short(): pass\n"


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_worker_begins_with_a_long_test_and_no_test_is_lost(pytester: pytest.Pytester, workers: int) -> None:
    short = {f"test_{number}": SHORT + SHORT.replace("short", "shorter") for number in range(10)}
    long = {f"test_z{number}": LONG.format(seconds=400 + number) for number in range(workers)}
    pytester.makepyfile(**short, **long)
    items, _ = pytester.inline_genitems("-o", "asyncio_default_fixture_loop_scope=function")
    found = dealt(items, workers)
    assert sorted(found, key=items.index) == items
    begins = [len(items) * number // workers for number in range(workers)]
    assert {found[begin].name for begin in begins} == {"test_long"}
    files = [one.path for one in found]
    apart = sum(before != after for before, after in pairwise(files))
    assert apart <= len(short) + len(long) + workers
