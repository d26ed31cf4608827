from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cekalwatch.camera.detection.assignment import assign


def least_cost(costs: NDArray[np.float64]) -> float:
    rows, columns = costs.shape
    if rows > columns:
        return least_cost(costs.T)
    ways = permutations(range(columns), rows)
    return min(sum(float(costs[row, column]) for row, column in enumerate(way)) for way in ways)


@st.composite
def matrices(draw: st.DrawFn) -> NDArray[np.float64]:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    values = draw(st.lists(st.floats(-10, 10), min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


@given(matrices())
def test_no_other_assignment_costs_less(costs: NDArray[np.float64]) -> None:
    pairs = assign(costs)
    assert len(pairs) == min(costs.shape)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert np.isclose(sum(costs[pair] for pair in pairs), least_cost(costs))


def test_greedy_would_choose_worse() -> None:
    assert assign(np.array([[1.0, 2.0], [1.5, 9.0]])) == [(0, 1), (1, 0)]
