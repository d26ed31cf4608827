from __future__ import annotations

import threading

import numpy as np
import pytest

from cekalwatch.server.gallery.lookalikes import RecentTemplates
from tests.support.builders.watchlist import SIZE

AXES = np.eye(SIZE, dtype=np.float32)


def test_nothing_is_found_in_nothing():
    assert RecentTemplates(SIZE).search(AXES[0]) == []


def test_the_nearest_come_first():
    added = RecentTemplates(SIZE)
    added.add("S-1", AXES[0])
    added.add("S-2", (AXES[0] + AXES[1]) / np.float32(np.sqrt(2)))
    found = added.search(AXES[1])
    assert [candidate.subject_id for candidate in found] == ["S-2", "S-1"]
    assert found[0].score == pytest.approx(0.707, abs=2e-3)
    assert len(added) == 2


def test_it_is_searched_while_it_grows():
    added, found = RecentTemplates(SIZE), set[str]()
    added.add("first", AXES[0])

    def search() -> None:
        for _ in range(200):
            found.add(added.search(AXES[0])[0].subject_id)

    searching = threading.Thread(target=search)
    searching.start()
    for number in range(200):
        added.add(f"S-{number}", AXES[1])
    searching.join()
    assert found == {"first"}
    assert len(added) == 201
