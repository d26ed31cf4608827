"""Plays drawn days, and makes a day that fails as short as it can in a minute."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Iterable, Sequence

from tests.integration.rules.day import Day, Step
from tests.integration.rules.drawing import Drawing

SHORTEN_S = 60.0
"""How long a day that fails is made shorter, at most."""


class DayFailedError(AssertionError):
    """What the product did on a day is not what the rules say."""

    def __init__(self, number: int, steps: Sequence[Step], said: str) -> None:
        lines = "\n".join(f"  {step}" for step in steps)
        super().__init__(f"Day {number}, with as few steps as fail:\n{lines}\n{said}")
        self.number = number


def play(numbers: Iterable[int]) -> str:
    """Play these days; return the hash of all that happened. Raises DayFailedError."""
    digest = hashlib.sha256()
    for number in numbers:
        for line in play_day(number):
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def play_day(number: int, shorten_s: float = SHORTEN_S) -> list[str]:
    """Play one day; return its trace. Raises DayFailedError."""
    done: list[Step] = []
    try:
        with Day(number) as day:
            for step in Drawing(number, day).steps():
                done.append(step)
                day.do(step)
    except Exception:  # noqa: BLE001  # whatever goes wrong is told with the day's steps
        steps, said = _shortest(number, done, traceback.format_exc(limit=-3, chain=False), time.monotonic() + shorten_s)
        raise DayFailedError(number, steps, said) from None
    return day.trace


def _shortest(number: int, steps: list[Step], said: str, until: float) -> tuple[list[Step], str]:
    """Leave out as many steps as possible, in halves, quarters and so on, while the day still fails."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps) and time.monotonic() < until:
            fewer = steps[:start] + steps[start + size :]
            if found := _failure(number, fewer):
                steps, said = fewer[: found[0]], found[1]
            else:
                start += size
        size //= 2
    return steps, said


def _failure(number: int, steps: list[Step]) -> tuple[int, str] | None:
    """Play these steps; return how many it took to fail, and what was wrong."""
    done = 0
    try:
        with Day(number) as day:
            for step in steps:
                done += 1
                day.do(step)
    except Exception:  # noqa: BLE001  # see above
        return done, traceback.format_exc(limit=-3, chain=False)
    return None
