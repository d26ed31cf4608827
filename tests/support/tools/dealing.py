"""In which order tests run: what takes longest comes first, or all others would wait for the last of it.

What takes long waits for most of its time, for other programs and for clocks. So half of the workers begin with it, and
the others compute beside them. pytest-xdist gives each worker a part of the list, of one length, and who has no test
left takes some from the end of another's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

USUAL_S, MAX_S = 300.0, 900.0
"""How much time `pyproject.toml` gives a test, and how much of what a file's tests are given counts."""


def dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in the order in which so many workers get their parts; those of a file stay together."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    parts: list[list[pytest.Item]] = [[] for _ in range(workers)]
    given_s = [0.0] * workers
    waiting = range((workers + 1) // 2)
    for tests in sorted(files.values(), key=_given_s, reverse=True):
        if seconds := _given_s(tests):
            least = min(waiting, key=lambda worker: given_s[worker])
        else:
            least = min(range(workers), key=lambda worker: len(parts[worker]))
        parts[least] += tests
        given_s[least] += seconds
    return list(chain(*_of_one_length(parts)))


def _given_s(tests: Sequence[pytest.Item]) -> float:
    """How much time the tests of a file are given; what needs no more than usual, and no programs, counts nothing."""
    limits = [test.get_closest_marker("timeout") for test in tests]
    long = [limit.args[0] for limit in limits if limit and limit.args[0] > USUAL_S]
    programs = [USUAL_S for test in tests if "e2e" in test.path.parts]
    return min(MAX_S, sum(long or programs))


def _of_one_length(parts: list[list[pytest.Item]]) -> list[list[pytest.Item]]:
    """Move the last tests of what is too long to what is too short; the later parts get what does not divide."""
    total, workers = sum(map(len, parts)), len(parts)
    lengths = [(total + number) // workers for number in range(workers)]
    spare = [test for part, length in zip(parts, lengths, strict=True) for test in part[length:]]
    whole = []
    for part, length in zip(parts, lengths, strict=True):
        missing = max(0, length - len(part))
        whole.append(part[:length] + spare[:missing])
        del spare[:missing]
    return whole
