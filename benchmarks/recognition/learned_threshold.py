"""How soon a threshold that was fitted on LFW keeps its promise among people of South Asia.

    python -m benchmarks recognition.learned_threshold

Two hundred of the South Asian photographs are listed. The others pass three cameras, and one person of LFW to every
four of them; one passage in a hundred is of somebody listed. Whoever is there twice (a score of 0.8 or more with
somebody listed) is left out. There is one photograph a person, so further passages are made of it by light, blur, size
and mirror. Recogniser, counting, settling of alerts, fit and steps are the product's; the search is the same product of
templates, without the capture stream. FPIR is then counted on other variants of the people who passed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition.faces import PACK, collection, maker
from cekalwatch.server.domain.learning.threshold_steps import LearningBounds
from cekalwatch.server.evaluation.collection import LabelledPhotograph
from cekalwatch.server.evaluation.samples import FaceTemplates
from cekalwatch.server.storage.database import Database
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.keys import open_keys
from tests.support.scenarios.learning import WANTED, LearningPort

LISTED: Final = 200
PASSAGES: Final = 1_500
DAYS: Final = 5
CAMERAS: Final = 3
LISTED_SHARE: Final = 0.01
LFW_SHARE: Final = 0.2
SAME_PHOTOGRAPH: Final = 0.8
VARIANTS: Final = 4
"""Two of each photograph pass, the others are what FPIR is counted on."""

Templates = NDArray[np.float32]
Pictures = NDArray[np.uint8]


def measure() -> dict[str, float]:
    """Return the figures `threshold.learned_…`; raises FileNotFoundError where the photographs are not there."""
    dice = np.random.default_rng(15)
    asian = [*collection("southasian").photographs]
    dice.shuffle(asian)
    lfw = [*collection("lfw").photographs]
    lfw = [lfw[number] for number in dice.choice(len(lfw), round(PASSAGES * LFW_SHARE), replace=False)]
    pack = load_pack(PACK)
    with tempfile.TemporaryDirectory() as folder:
        listed = _templates(asian[:LISTED], references=True)
        rest = _sampled(asian[LISTED:])
        once = [one for one, face in rest if (face @ listed.T).max() < SAME_PHOTOGRAPH]
        strangers = [_templates(_varied(once, number, Path(folder))) for number in range(VARIANTS)]
        others = _templates(lfw)
        mated = _templates(_varied(asian[: round(PASSAGES * LISTED_SHARE)], 9, Path(folder)))
        database = Database(f"sqlite:///{folder}/learned.sqlite3")
        database.upgrade()
        open_keys(database)
        port = LearningPort(database, CAMERAS, LearningBounds(), pack, listed)
        before = port.decision.value
        passers = np.concatenate([_scores(one, listed) for one in (*strangers[:2], others)])
        passers = dice.permutation(passers)[: PASSAGES - len(mated)]
        ours = dice.permutation(_scores(mated, listed))
        for day in range(DAYS):
            # Whoever is listed and alerts is confirmed, and never counts; the others of them count as strangers.
            missed = [score for score in np.array_split(ours, DAYS)[day] if score < port.decision.value]
            today = np.concatenate([np.array_split(passers, DAYS)[day], missed])
            cameras = zip(port.cameras, np.array_split(dice.permutation(today), CAMERAS), strict=True)
            port.day(dict(cameras))
        after, promise = port.decision.value, port.decision.promise
        database.close()
    fresh = np.concatenate([_scores(one, listed) for one in strangers[2:]])
    return {
        "threshold.learned_before": round(before, 4),
        "threshold.learned": round(after, 4),
        "threshold.learned_low": round(promise.low if promise else 0.0, 4),
        "threshold.learned_high": round(promise.high if promise else 0.0, 4),
        "threshold.learned_passages": len(passers) + len(mated),
        "threshold.learned_fpir_ratio_before": round(float((fresh >= before).mean()) / WANTED, 3),
        "threshold.learned_fpir_ratio": round(float((fresh >= after).mean()) / WANTED, 3),
        "threshold.learned_needed": round(float(np.quantile(fresh, 1 - WANTED)), 4),
        "threshold.learned_fresh_passages": len(fresh),
    }


def _templates(photographs: Sequence[LabelledPhotograph], *, references: bool = False) -> Templates:
    """Return the template of each photograph with a face."""
    return np.array([face for _, face in _sampled(photographs, references=references)], dtype=np.float32)


def _sampled(
    photographs: Sequence[LabelledPhotograph], *, references: bool = False
) -> list[tuple[LabelledPhotograph, Templates]]:
    """Return each photograph with a face, and its template."""
    found = [(one.photograph, one.result) for one in maker().samples((one, True) for one in photographs)]
    return [
        (photograph, face.reference if references else face.probe)
        for photograph, face in found
        if isinstance(face, FaceTemplates) and face.reference is not None
    ]


def _scores(probes: Templates, listed: Templates) -> NDArray[np.float64]:
    return np.asarray((probes @ listed.T).max(axis=1), dtype=np.float64)


def _varied(photographs: Sequence[LabelledPhotograph], number: int, folder: Path) -> list[LabelledPhotograph]:
    """Return the photographs as from other passages: the same for the same `number`."""
    dice = np.random.default_rng(number)
    varied = []
    for place, photograph in enumerate(photographs):
        picture = np.asarray(cv2.imread(str(photograph.path)), dtype=np.uint8)
        path = folder / f"{number}-{place}.jpg"
        cv2.imwrite(str(path), _variant(picture, dice), [cv2.IMWRITE_JPEG_QUALITY, 85])
        varied.append(replace(photograph, path=path))
    return varied


def _variant(picture: Pictures, dice: np.random.Generator) -> Pictures:
    factor = float(dice.uniform(0.5, 1.0))
    scaled = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if dice.random() < 0.5:
        scaled = cv2.flip(scaled, 1)
    blurred = cv2.GaussianBlur(scaled, (0, 0), float(dice.uniform(0.3, 1.5)))
    return np.asarray(np.clip(blurred.astype(np.float32) * dice.uniform(0.6, 1.3), 0, 255), dtype=np.uint8)


if __name__ == "__main__":
    print(measure())
