"""Optimal assignment: pairs rows with columns so that the sum of costs is least. It knows nothing of faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return (row, column) pairs of least total cost for finite `costs`, shape (n, m); min(n, m) pairs, by row.

    The Hungarian method with potentials, O(n²m) (Kuhn 1955, Munkres 1957). Equal costs give the same pairs each time.
    """
    rows, columns = costs.shape
    if rows > columns:
        return sorted((row, column) for column, row in assign(costs.T))
    row_potential = np.zeros(rows + 1)
    potential = np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=np.intp)  # 1-based row of each column, 0 for none; column 0 is a helper
    for row in range(1, rows + 1):
        owner[0] = row
        current = 0
        least = np.full(columns + 1, np.inf)
        came_from = np.zeros(columns + 1, dtype=np.intp)
        used = np.zeros(columns + 1, dtype=bool)
        while owner[current] != 0:
            used[current] = True
            reduced = costs[owner[current] - 1] - row_potential[owner[current]] - potential[1:]
            better = ~used[1:] & (reduced < least[1:])
            least[1:][better] = reduced[better]
            came_from[1:][better] = current
            following = 1 + int(np.argmin(np.where(used[1:], np.inf, least[1:])))
            step = least[following]
            row_potential[owner[used]] += step
            potential[used] -= step
            least[1:][~used[1:]] -= step
            current = following
        while current:  # turn the path that was found over
            owner[current] = owner[came_from[current]]
            current = int(came_from[current])
    return sorted((int(owner[column]) - 1, column - 1) for column in range(1, columns + 1) if owner[column])
