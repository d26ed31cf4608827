"""Fits the numbers of the check for covered faces, and writes them into `common/cekalwatch/vision/covering_numbers.py`.

    python -m benchmarks.camera.covering_fit

One logistic regression for each cover, against plain faces, on one half of the people of `covering.py`, of both sets.
The limit lets PLAIN_TOLD of the plain faces of that half pass for covered, by scores of models that were fitted without
the person. The file then holds sums over thousands of faces, and nothing of any one of them (docs/adr/0082).
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.camera.covering import PLAIN, Example, examples, south_asians
from cekalwatch.vision.covering import covering_features
from tests.support.builders.covered_faces import COVERS

FILE: Final = Path("common/cekalwatch/vision/covering_numbers.py")
PLAIN_TOLD: Final = 0.02
FOLDS: Final = 5
PENALTY: Final = 0.003
WEIGHTS_PER_UNIT: Final = 200
NUMBERS_A_LINE: Final = 24

Array = NDArray[np.float64]


def fitted(features: Array, is_covered: NDArray[np.bool_]) -> tuple[Array, float]:
    """Return weights and offset of a logistic regression in which both kinds of faces weigh the same."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled, sign = (features - mean) / spread, np.where(is_covered, 1.0, -1.0)
    share = is_covered.mean()
    worth = np.where(is_covered, 0.5 / share, 0.5 / (1 - share))

    def loss(numbers: Array) -> tuple[float, Array]:
        weights, offset = numbers[:-1], numbers[-1]
        margin = sign * (scaled @ weights + offset)
        slope = -worth * sign / (1 + np.exp(np.clip(margin, -50, 50))) / len(sign)
        value = float((worth * np.logaddexp(0, -margin)).mean()) + PENALTY * float(weights @ weights) / 2
        return value, np.append(scaled.T @ slope + PENALTY * weights, slope.sum())

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    weights = found[:-1] / spread
    return weights, float(found[-1] - mean @ weights)


def models(features: Array, covers: NDArray[np.str_]) -> tuple[Array, Array]:
    """Return the weights of all covers, rounded as they are written, and their offsets."""
    made = []
    for cover in COVERS:
        chosen = (covers == cover) | (covers == PLAIN)
        made.append(fitted(features[chosen], covers[chosen] == cover))
    weights = np.round(np.array([one for one, _ in made]) * WEIGHTS_PER_UNIT)
    return weights, np.round([offset for _, offset in made], 4)


def scores(features: Array, model: tuple[Array, Array]) -> Array:
    """Return the highest score of each face."""
    return np.asarray((features @ model[0].T / WEIGHTS_PER_UNIT + model[1]).max(axis=1))


def fit(faces: list[Example]) -> str:
    """Return the text of the file with the numbers."""
    seen = [one for one in faces if one.fitted and one.aligned is not None]
    features = np.array([covering_features(one.aligned) for one in seen if one.aligned is not None])
    covers = np.array([one.cover for one in seen])
    part = np.array([zlib.crc32(one.person.encode()) // 2 % FOLDS for one in seen])
    unseen = np.zeros(len(seen))
    for number in range(FOLDS):
        unseen[part == number] = scores(
            features[part == number], models(features[part != number], covers[part != number])
        )
    limit = round(float(np.quantile(unseen[covers == PLAIN], 1 - PLAIN_TOLD)), 3)
    weights, offsets = models(features, covers)
    return _text(weights.astype(int), offsets, limit)


def _text(weights: NDArray[np.int_], offsets: Array, limit: float) -> str:
    rows = []
    for cover, row in zip(COVERS, weights, strict=True):
        lines = [" ".join(map(str, row[at : at + NUMBERS_A_LINE])) for at in range(0, len(row), NUMBERS_A_LINE)]
        rows.append(f'    # {cover}\n    """\n    ' + "\n    ".join(lines) + '\n    """,\n')
    return (
        '"""The numbers of the check for covered faces, written by `benchmarks/camera/covering_fit.py`."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Final\n\n"
        f"WEIGHTS_PER_UNIT: Final = {WEIGHTS_PER_UNIT}\n"
        f"WEIGHTS: Final = (\n{''.join(rows)})\n"
        f'"""Of each cover, in the order of `covering_features`."""\n'
        f"OFFSETS: Final = ({', '.join(map(str, offsets.tolist()))})\n"
        f"LIMIT: Final = {limit}\n"
        '"""A face whose highest score is above it is covered."""\n'
    )


if __name__ == "__main__":
    FILE.write_text(fit([*examples(fitted=True), *south_asians(fitted=True)]), "utf-8")
