"""Drawn days at two ports: whatever travellers, officers, orders, PCs and clocks do, the product does as the rules say.

`model.py`, `people.py` and `law.py` have the rules in plain words. `make test` plays the first 200 days, and
`make test-all` 2,000; a day is its number. CEKALWATCH_RULES_DAYS plays others: "17" or "17-40".
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.rules.playing import play

DAYS = 200
ALL_DAYS = 2000
A_TEST = 50
"""Days of one test, so that several machines' cores can share them."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def _days(first: int, last: int) -> list[range]:
    return [range(start, min(start + A_TEST, last)) for start in range(first, last, A_TEST)]


def _chosen() -> list[range]:
    chosen = os.environ.get("CEKALWATCH_RULES_DAYS", "")
    if not chosen:
        return _days(0, DAYS)
    first, _, last = chosen.partition("-")
    return _days(int(first), int(last or first) + 1)


def _named(days: range) -> str:
    return f"{days.start}-{days.stop - 1}"


def _play(days: range, record_property: Callable[[str, object], None]) -> None:
    trace = play(days)
    record_property("trace", trace)
    sys.stdout.write(f"days {_named(days)}: trace {trace}\n")


@pytest.mark.parametrize("days", _chosen(), ids=_named)
def test_the_product_does_as_the_rules_say(days: range, record_property: Callable[[str, object], None]) -> None:
    _play(days, record_property)


@pytest.mark.exhaustive
@pytest.mark.parametrize("days", _days(DAYS, ALL_DAYS), ids=_named)
def test_the_product_does_as_the_rules_say_on_more_days(
    days: range, record_property: Callable[[str, object], None]
) -> None:
    _play(days, record_property)


def test_a_day_is_the_same_wherever_it_is_played() -> None:
    numbers = range(3)
    code = f"from tests.integration.rules.playing import play; print(play({numbers!r}))"
    environment = os.environ | {"PYTHONHASHSEED": "28", "TZ": "America/Lima"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert told.stdout.splitlines()[-1] == play(numbers)
