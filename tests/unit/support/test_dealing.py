"""How tests are dealt to workers: half of them begin with what takes longest, and files stay together."""

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


@pytest.mark.parametrize(("workers", "waiting"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_half_of_the_workers_begin_with_all_long_tests_and_no_test_is_lost(
    pytester: pytest.Pytester, workers: int, waiting: int
) -> None:
    short = {f"test_{number}": SHORT + SHORT.replace("short", "shorter") for number in range(10)}
    long = {f"test_z{number}": LONG.format(seconds=400 + number) for number in range(workers)}
    pytester.makepyfile(**short, **long)
    items, _ = pytester.inline_genitems("-o", "asyncio_default_fixture_loop_scope=function")
    found = dealt(items, workers)
    assert sorted(found, key=items.index) == items
    begins = [len(items) * number // workers for number in range(workers)]
    assert [found[begin].name == "test_long" for begin in begins] == [number < waiting for number in range(workers)]
    long_parts = [found[begin : begin + workers] for begin in begins[:waiting]]
    assert sum(one.name == "test_long" for part in long_parts for one in part) == workers, "before all others"
    files = [one.path for one in found]
    apart = sum(before != after for before, after in pairwise(files))
    assert apart <= len(short) + len(long) + workers
