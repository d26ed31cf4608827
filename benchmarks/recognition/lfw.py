"""Recognition on Labeled Faces in the Wild, image by image: FNIR and FPIR of a 1:N search (ISO/IEC 19795-1).

    python -m benchmarks recognition.lfw

Of the people with at least two photographs 400 are listed, each by the first photograph. The headline takes the first
400 by name; five seeded choices show the spread. Scores are compared with those of the list as the pack says.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.recognition.faces import PACK, people
from cekalwatch.evaluation.people import single_probes
from cekalwatch.evaluation.statistics.metrics import fnir, fpir, rank_1, threshold_at
from cekalwatch.evaluation.statistics.study import draw_lists
from cekalwatch.evaluation.statistics.trials import NOTHING, WatchedList
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.vision.manifest import load_pack

LISTED: Final = 400
SEEDS: Final = range(5)


def measure() -> dict[str, float]:
    """Return the figures `lfw.…`; raises FileNotFoundError where the data set is not there."""
    everybody = people("lfw")
    several = [number for number, person in enumerate(everybody) if person.listable(1)]
    lists = [frozenset(several[:LISTED]), *(draw_lists(several, LISTED, 1, seed)[0] for seed in SEEDS)]
    probes = single_probes(everybody, 1)
    pack = load_pack(PACK)
    headline, *seeded = [
        WatchedList.of(everybody, dict.fromkeys(listed, 1), pack.cohort).search(probes, listed) for listed in lists
    ]
    default = pack.decision_thresholds.threshold(LISTED, ServerSettings.model_fields["target_fpir"].default)
    figures = {
        "lfw.images": sum(len(person.singles) for person in everybody),
        "lfw.mated_probes": len(headline.mated),
        "lfw.non_mated_probes": len(headline.non_mated),
        "lfw.no_face_found": int((headline.non_mated == NOTHING).sum()),
        "lfw.rank_1": rank_1(headline),
        "lfw.default_threshold": default,
        "lfw.fnir_at_default": fnir(headline, default),
        "lfw.fpir_at_default": fpir(headline, default),
    }
    for wanted, name in ((1e-2, "1e-2"), (3e-3, "3e-3")):
        figures[f"lfw.threshold_at_fpir_{name}"] = threshold_at(headline, wanted)
        figures[f"lfw.fnir_at_fpir_{name}"] = fnir(headline, threshold_at(headline, wanted))
        figures[f"lfw.fnir_at_fpir_{name}_seeded_mean"] = float(
            np.mean([fnir(trials, threshold_at(trials, wanted)) for trials in seeded])
        )
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    print(measure())
