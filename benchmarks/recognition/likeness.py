"""How alike two passages of one person are, and two of strangers: the threshold by which passages share an alert.

    python -m benchmarks.recognition.likeness [PACK]

A passage has at most three photographs, fused as the server does it. Strangers are all pairs of LFW's passages, and
pairs of one sex of the South Asian set; pairs that are plainly one person (scores above 0.7 and 0.645) are left out.
Look-alikes are two who match one listed person: the figures say how often one joins the other's alert.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition.faces import PACK, people, south_asians
from cekalwatch.evaluation.people import EvaluatedPerson
from cekalwatch.evaluation.samples import FaceTemplates, Sample
from cekalwatch.server.capture.passages import MIN_WEIGHT
from cekalwatch.vision.inference import ONNXRUNTIME_F32, InferenceChoice
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.thresholds import LikenessModel

CROPS: Final = 3
THRESHOLDS: Final = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
MATCHES: Final = 0.45
"""The score with a listed person from which a stranger is a look-alike here: higher ones are too few to count."""
SAME_PERSON_TWICE: Final = 0.645
WRONG_LABEL: Final = 0.7

Templates = NDArray[np.float32]
Scores = NDArray[np.float32]


def fused(samples: Sequence[FaceTemplates]) -> Templates:
    """Return the fused template of a passage, shape (size,)."""
    total = np.sum([one.probe * max(one.quality, MIN_WEIGHT) for one in samples], axis=0)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def faces(samples: Iterable[Sample]) -> list[FaceTemplates]:
    """Return what has a template."""
    return [one.result for one in samples if isinstance(one.result, FaceTemplates)]


def runs(found: Sequence[FaceTemplates]) -> list[Sequence[FaceTemplates]]:
    """Cut photographs into passages."""
    return [found[start : start + CROPS] for start in range(0, len(found), CROPS)]


def pairs(templates: Templates, owners: NDArray[np.int64]) -> tuple[Scores, Scores]:
    """Return the scores of all pairs of passages: of one person, and of two."""
    rows, columns = np.triu_indices(len(templates), 1)
    scores = (templates @ templates.T)[rows, columns]
    same = owners[rows] == owners[columns]
    return scores[same], scores[~same & (scores < WRONG_LABEL)]


def crops_against_passages(everybody: Sequence[EvaluatedPerson]) -> Scores:
    """Return the score of each photograph with the passage of the three before it, of one person."""
    found = []
    for person in everybody:
        own = faces(person.singles)
        found += [float(own[n].probe @ fused(own[max(0, n - CROPS) : n])) for n in range(1, len(own))]
    return np.array(found, dtype=np.float32)


def strangers(everybody: Sequence[EvaluatedPerson], sex: str) -> Scores:
    """Return the scores of all pairs of the South Asian set's people of one sex."""
    photographs = [person.singles[0] for person in everybody if person.group.endswith(f"/{sex}")]
    templates = np.array([one.probe for one in faces(photographs)])
    scores = (templates @ templates.T)[np.triu_indices(len(templates), 1)]
    return np.asarray(scores[scores < SAME_PERSON_TWICE])


def look_alikes(everybody: Sequence[EvaluatedPerson], model: LikenessModel) -> dict[str, float]:
    """Return how often a real person would join their look-alike's alert, by the threshold alone and by the rule."""
    passages, owners, references, lives, listed = [], [], [], [], []
    for number, person in enumerate(everybody):
        own = faces(person.singles)
        passages += [fused(run) for run in runs(own)]
        owners += [number] * len(runs(own))
        if len(own) > 1 and own[0].reference is not None:
            references.append(own[0].reference)
            lives.append(fused(own[1 : 1 + CROPS]))
            listed.append(number)
    others, live, owner = np.array(passages), np.array(lives), np.array(owners)
    scores = others @ np.array(references).T
    scores[owner[:, np.newaxis] == np.array(listed)[np.newaxis, :]] = -1
    real = np.einsum("ij,ij->i", live, np.array(references))
    false, subject = np.where((scores >= MATCHES) & (real[np.newaxis, :] >= MATCHES))
    like = np.einsum("ij,ij->i", others[false], live[subject])
    kept = like < WRONG_LABEL
    like, own_score = like[kept], np.maximum(real[subject], scores[false, subject])[kept]
    joins = [model.same(float(one), float(score)) for one, score in zip(like, own_score, strict=True)]
    again = [
        model.same(float(others[place] @ others[other]), float(max(scores[other, who], scores[place, who])))
        for other, who in zip(*np.where(scores >= MATCHES), strict=True)
        for place in np.where(owner == owner[other])[0]
        if place != other
    ]
    return {
        "look_alikes": len(like),
        "real_joins_by_threshold_of_1e-4": float((like >= 0.43).mean()),
        "real_joins_by_threshold": float((like >= model.threshold).mean()),
        "real_joins": float(np.mean(joins)),
        "look_alikes_next_passages": len(again),
        "look_alike_stopped_twice": float(1 - np.mean(again)) if again else 0.0,
    }


def real_twice(everybody: Sequence[EvaluatedPerson], model: LikenessModel) -> dict[str, float]:
    """Return how often the second passage of a listed person would get an alert of its own."""
    found = []
    for person in everybody:
        own = faces(person.singles)
        if len(own) > 2 * CROPS and own[0].reference is not None:
            first, second = fused(own[1 : 1 + CROPS]), fused(own[1 + CROPS : 1 + 2 * CROPS])
            score = max(float(one @ own[0].reference) for one in (first, second))
            found.append(model.same(float(first @ second), score))
    return {"listed_twice": len(found), "listed_alerts_again": 1 - float(np.mean(found))}


def measure(folder: Path = PACK, choice: InferenceChoice = ONNXRUNTIME_F32) -> dict[str, float]:
    """Return the figures `likeness.…` of the pack in `folder`; raises FileNotFoundError without a data set."""
    model = load_pack(folder).likeness
    if model is None:
        raise FileNotFoundError(f"{folder} has no likeness model: install the pack again")
    lfw, cctv, asian = people("lfw", choice, folder), people("cctv", choice, folder), south_asians(choice, folder)
    by_person = [runs(faces(person.singles)) for person in lfw]
    templates = np.array([fused(run) for cut in by_person for run in cut])
    mated, non_mated = pairs(templates, np.repeat(np.arange(len(lfw)), [len(cut) for cut in by_person]))
    crops = crops_against_passages(lfw)
    women, men = strangers(asian, "female"), strangers(asian, "male")
    halves = [
        float(fused(own[: len(own) // 2]) @ fused(own[len(own) // 2 :]))
        for own in (faces(passage) for person in cctv for passage in person.passages)
        if len(own) > 1
    ]
    figures: dict[str, float] = {
        "mated_pairs": len(mated),
        "non_mated_pairs": len(non_mated),
        "pairs_women": len(women),
        "pairs_men": len(men),
        "cctv_pairs": len(halves),
    }
    for threshold in sorted({*THRESHOLDS, model.threshold}):
        figures |= {
            f"fmr_lfw_at_{threshold}": float((non_mated >= threshold).mean()),
            f"fmr_women_at_{threshold}": float((women >= threshold).mean()),
            f"fmr_men_at_{threshold}": float((men >= threshold).mean()),
            f"fnmr_lfw_at_{threshold}": float((mated < threshold).mean()),
            f"fnmr_crop_lfw_at_{threshold}": float((crops < threshold).mean()),
            f"fnmr_cctv_at_{threshold}": float((np.array(halves) < threshold).mean()),
        }
    figures |= look_alikes(lfw, model) | real_twice(lfw, model)
    return {f"likeness.{name}": float(f"{value:.3g}") for name, value in figures.items()}


if __name__ == "__main__":
    print(measure(Path(sys.argv[1]) if sys.argv[1:] else PACK))
