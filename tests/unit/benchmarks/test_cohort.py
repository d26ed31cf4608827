"""The score that is compared with the next ranks of the list: a limit keeps who fills the list from hiding a face."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.recognition.cohort import MODEL, first


def search(*scores: float, others: float = 0.2, listed: int = 100) -> np.ndarray:
    return np.array([[*scores, *[others] * (listed - len(scores))]], dtype=np.float32)


def test_the_mean_of_ranks_two_to_eleven_is_compared():
    place, score = first(search(0.1, 0.7, 0.3), MODEL)
    assert place[0] == 1
    assert score[0] == pytest.approx(0.7 - MODEL.part * ((0.3 + 9 * 0.2) / 10 - 0.2))
    assert first(search(0.1, 0.7), None)[1][0] == pytest.approx(0.7)


def test_a_list_stuffed_with_one_face_does_not_hide_it():
    assert first(search(*[0.7] * 11), MODEL)[1][0] == pytest.approx(0.7 - MODEL.part * (0.4 - 0.2))


def test_a_short_list_compares_in_proportion():
    assert first(search(0.7, listed=1), MODEL)[1][0] == pytest.approx(0.7)
    assert first(search(0.7, others=0.3, listed=11), MODEL)[1][0] == pytest.approx(0.7 - MODEL.part * 0.1 * 10 / 50)
