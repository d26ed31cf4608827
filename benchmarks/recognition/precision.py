"""What bf16 costs: FNIR on LFW with its templates and with those of f32, of the same faces.

    python -m benchmarks recognition.precision

OpenVINO computes both from the same aligned faces. The lists are those of `lfw`. Needs a processor that has bf16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.recognition.faces import people
from benchmarks.recognition.lfw import LISTED, SEEDS
from cekalwatch.evaluation.people import EvaluatedPerson, single_probes
from cekalwatch.evaluation.statistics.metrics import fnir, threshold_at
from cekalwatch.evaluation.statistics.study import draw_lists
from cekalwatch.evaluation.statistics.trials import Trials, WatchedList, pooled
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision

WANTED_FPIR: Final = 1e-3


def measure() -> dict[str, float]:
    """Return the figures `precision.…`; raises FileNotFoundError without the data set, ModelError without bf16."""
    figures: dict[str, float] = {}
    for precision in (Precision.F32, Precision.BF16):
        everybody = people("lfw", InferenceChoice(InferenceEngine.OPENVINO, precision))
        trials = _trials(everybody)
        figures[f"precision.fnir_at_fpir_1e-3_{precision}"] = fnir(trials, threshold_at(trials, WANTED_FPIR))
    figures["precision.fnir_more_in_bf16"] = (
        figures["precision.fnir_at_fpir_1e-3_bf16"] - figures["precision.fnir_at_fpir_1e-3_f32"]
    )
    return {name: round(value, 5) for name, value in figures.items()}


def _trials(everybody: Sequence[EvaluatedPerson]) -> Trials:
    several = [number for number, person in enumerate(everybody) if person.listable(1)]
    lists = [frozenset(several[:LISTED]), *(draw_lists(several, LISTED, 1, seed)[0] for seed in SEEDS)]
    probes = single_probes(everybody, 1)
    return pooled([WatchedList.of(everybody, dict.fromkeys(listed, 1)).search(probes, listed) for listed in lists])


if __name__ == "__main__":
    print(measure())
