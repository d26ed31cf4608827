"""An evaluation as JSON: all figures of the report, and the fitted tail for `thresholds fit`.

It contains names of photographs and people, and scores, but no picture and no template.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from cekalwatch.evaluation.evaluation import Evaluation, PlainScores
from cekalwatch.evaluation.statistics.metrics import det_curve
from cekalwatch.evaluation.statistics.study import Study
from cekalwatch.server.alerts.evaluation_file import FORMAT

_BINS: Final = np.linspace(-0.4, 1.0, 71)


def document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON form."""
    problems = evaluation.problems
    return {
        "format": FORMAT,
        "source": evaluation.source,
        "model_version": evaluation.model_version,
        "made_at": evaluation.made_at.isoformat(timespec="seconds"),
        "plan": asdict(evaluation.plan),
        "people": evaluation.people,
        "photographs": evaluation.photographs,
        "people_who_can_be_listed": evaluation.listable,
        "listed": evaluation.listed,
        "failures_to_acquire": dict(Counter(failure.value for _, failure in problems.failures)),
        "without_template": [{"photograph": name, "reason": failure.value} for name, failure in problems.failures],
        "same_picture_of_several_people": [list(names) for names in problems.shared],
        "same_picture_of_one_person": [list(names) for names in problems.duplicates],
        "people_with_one_photograph": problems.alone,
        "single_images": _study(evaluation.single),
        "passages": _study(evaluation.passages),
        "references": [asdict(each) for each in evaluation.references],
        "group_pairs": [asdict(each) for each in evaluation.group_pairs],
        "look_alikes": [asdict(each) for each in evaluation.look_alikes],
        "left_out_of_threshold_model": evaluation.left_out,
        "threshold_model": None if evaluation.tail is None else evaluation.tail.to_json(),
        "plain_scores": None if evaluation.plain is None else _plain(evaluation.plain),
        "threshold_checks": [asdict(each) for each in evaluation.tail_checks],
        "images_per_second": evaluation.images_per_second,
    }


def _plain(plain: PlainScores) -> dict[str, Any]:
    """Return the figures of scores that are not compared with those of the list."""
    return {
        "single_images": _study(plain.single),
        "passages": _study(plain.passages),
        "threshold_model": None if plain.tail is None else plain.tail.to_json(),
    }


def _study(study: Study) -> dict[str, Any]:
    thresholds, fpir, fnir = det_curve(study.trials)
    return {
        "probes": study.probes,
        "mated_searches": len(study.trials.mated),
        "non_mated_searches": len(study.trials.non_mated),
        "failure_to_acquire": asdict(study.failures),
        "rank_1": study.rank_1,
        "operating_points": [asdict(point) for point in study.points],
        "groups": [asdict(group) for group in study.groups],
        "det": {
            "threshold": thresholds.round(5).tolist(),
            "fpir": fpir.round(6).tolist(),
            "fnir": fnir.round(6).tolist(),
        },
        "score_distribution": {
            "edges": _BINS.round(4).tolist(),
            "mated": np.histogram(study.trials.mated, _BINS)[0].tolist(),
            "non_mated": np.histogram(study.trials.non_mated, _BINS)[0].tolist(),
        },
    }
