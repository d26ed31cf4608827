"""The pack `accurate` beside `standard`, on the same faces: misses, false alerts of groups, and what a face costs.

    python -m benchmarks recognition.accurate

Each pack compares scores with its own part. FNIR of LFW is that of `evaluate`: 434 listed, five lists, without two
people whose labels are wrong; `…_passages_…` are passages of three. `…_mixed_…` is the port of `recognition.cohort`.
`…_cctv_missed` is how many of thirteen people of 352x288 cameras are missed with 400 listed, on average of ten lists,
at the threshold of 1e-2 of passages. Processor times and memory are of OpenVINO in f32 on one thread, batches of two,
in turns; memory is what a process of its own has more after it has opened the recogniser and used it.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from benchmarks.recognition.cohort import DRAWS, Port, Searches, mixed
from benchmarks.recognition.faces import people, south_asians
from cekalwatch.evaluation.people import EvaluatedPerson, passage_probes, single_probes
from cekalwatch.evaluation.statistics.study import Study, draw_lists, study
from cekalwatch.evaluation.statistics.trials import WatchedList
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack
from tests.support.tools.packs import accurate_pack, standard_pack

CHOICE: Final = InferenceChoice(InferenceEngine.OPENVINO, Precision.F32)
WRONG_LABELS: Final = frozenset({"Recep_Tayyip_Erdogan", "Joseph_Blatter"})
LISTED: Final = 434
WITH_CCTV: Final = 400
LISTS: Final = 5
CCTV_LISTS: Final = 10
CCTV_CROPS: Final = 5
FPIR: Final = 1e-2
BATCH: Final = 2
BATCHES: Final = 60


def measure() -> dict[str, float]:
    """Return the figures `accurate.…`, those of `standard` with `_standard` at the end.

    Raises FileNotFoundError where a data set is not there.
    """
    packs = {"": accurate_pack(), "_standard": standard_pack()}
    figures: dict[str, float] = {}
    for suffix, folder in packs.items():
        figures |= {f"{name}{suffix}": value for name, value in misses(folder).items()}
    for suffix, cpu_ms in zip(packs, costs([recogniser(folder) for folder in packs.values()]), strict=True):
        figures[f"cpu_ms_per_face{suffix}"] = cpu_ms
    for suffix, folder in packs.items():
        with multiprocessing.get_context("spawn").Pool(1) as apart:
            figures[f"rss_mb{suffix}"] = apart.apply(memory_mb, (folder,))
    return {f"accurate.{name}": float(f"{value:.4g}") for name, value in figures.items()}


def misses(folder: Path) -> dict[str, float]:
    """Return the misses and false alerts of the pack in `folder`."""
    cohort = load_pack(folder).cohort
    whole, asian, cctv = people("lfw", CHOICE, folder), south_asians(CHOICE, folder), people("cctv", CHOICE, folder)
    lfw = [person for person in whole if person.name not in WRONG_LABELS]
    lists = draw_lists([place for place, person in enumerate(lfw) if person.listable(1)], LISTED, LISTS, 0)
    passages = study(lfw, passage_probes(lfw, 1, 3), lists, FPIR, 0, cohort)
    figures = points("lfw", study(lfw, single_probes(lfw, 1), lists, FPIR, 0, cohort))
    figures |= points("lfw_passages", passages)
    searches = Searches([*whole, *asian], len(whole))
    port = mixed(searches, [Port.drawn(searches, draw) for draw in range(DRAWS)], cohort)
    figures |= {f"mixed_{name}": value for name, value in port.items()}
    figures["cctv_missed"] = missed_of_cctv(cctv, lfw, passages.at(FPIR).threshold, cohort)
    return figures


def points(name: str, measured: Study) -> dict[str, float]:
    """Return FNIR by FPIR."""
    return {f"{name}_fnir_{point.fpir:.0e}".replace("e-0", "e-"): point.misses.value for point in measured.points}


def missed_of_cctv(
    cctv: Sequence[EvaluatedPerson], lfw: Sequence[EvaluatedPerson], threshold: float, cohort: CohortModel | None
) -> float:
    """Return how many passages of the people of `cctv` are missed, on average, who are listed with people of LFW."""
    everybody, own = [*cctv, *lfw], range(len(cctv))
    listable = [place for place, person in enumerate(everybody) if person.listable(1) and place not in own]
    probes = [probe for probe in passage_probes(everybody, 1, CCTV_CROPS) if probe.person in own]
    missed = []
    for others in draw_lists(listable, WITH_CCTV - len(cctv), CCTV_LISTS, 0):
        listed = others | frozenset(own)
        trials = WatchedList.of(everybody, dict.fromkeys(sorted(listed), 1), cohort).search(probes, listed)
        missed.append(int((trials.mated < threshold).sum()))
    return statistics.mean(missed)


def recogniser(folder: Path) -> Recogniser:
    """Open the recogniser of the pack in `folder`, as it is measured."""
    return open_engine(load_pack(folder), 1, CHOICE).recogniser


def costs(recognisers: Sequence[Recogniser]) -> list[float]:
    """Return the median processor time that each takes for a face, in turns, milliseconds."""
    faces = np.random.default_rng(1).integers(0, 255, (BATCH, 112, 112, 3)).astype(np.uint8)
    took: list[list[float]] = [[] for _ in recognisers]
    for _ in range(BATCHES):
        for place, each in enumerate(recognisers):
            begun = time.process_time()
            each.embed(faces)
            took[place].append((time.process_time() - begun) / BATCH * 1000)
    return [statistics.median(each) for each in took]


def memory_mb(folder: Path) -> float:
    """Return what this process has more, megabytes of 10^6 bytes, once it has used the recogniser in `folder`."""
    before = psutil.Process().memory_info().rss
    recogniser(folder).embed(np.zeros((BATCH, 112, 112, 3), np.uint8) + np.uint8(100))
    return (psutil.Process().memory_info().rss - before) / 1e6


if __name__ == "__main__":
    print(measure())
