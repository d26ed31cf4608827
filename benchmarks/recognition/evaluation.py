"""What `cekalwatch-server evaluate` measures on the shared LFW: single images, passages, fitted thresholds, speed.

    python -m benchmarks recognition.evaluation

A list has 400 people with one photograph each. A passage has three photographs of one person. Promised and counted FPIR
are compared at fitted thresholds.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.recognition.faces import PACK, THREADS, collection, maker, people
from cekalwatch.evaluation.evaluation import with_references
from cekalwatch.evaluation.people import EvaluatedPerson, passage_probes, single_probes
from cekalwatch.evaluation.statistics.metrics import fnir, fpir, threshold_at
from cekalwatch.evaluation.statistics.study import draw_lists
from cekalwatch.evaluation.statistics.tail import fit_tail
from cekalwatch.evaluation.statistics.trials import Trials, WatchedList, pooled
from cekalwatch.evaluation.templates import middle_face
from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.vision.alignment import align
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.thresholds import Provenance

LISTED: Final = 400
CROPS: Final = 3
FPIR: Final = 1e-2
SPLITS: Final = 6
DRAWS: Final = 6
LIST_SIZES: Final = (100, 400, 800)
SPEED_PHOTOGRAPHS: Final = 300
SPEED_ROUNDS: Final = 3


def measure() -> dict[str, float]:
    """Return the figures `eval.…`; raises FileNotFoundError where the data set is not there."""
    figures = speed()
    everybody = people("lfw")
    figures |= single_images(everybody) | passage_gain(everybody) | promises(everybody)
    return {name: round(value, 4) for name, value in figures.items()}


def single_images(everybody: Sequence[EvaluatedPerson]) -> dict[str, float]:
    """Return FNIR of single images with 400 of the people listed, five random lists together."""
    listable = [number for number, person in enumerate(everybody) if person.listable(1)]
    probes, cohort = single_probes(everybody, 1), load_pack(PACK).cohort
    lists = draw_lists(listable, LISTED, 5, seed=0)
    trials = pooled([WatchedList.of(everybody, dict.fromkeys(each, 1), cohort).search(probes, each) for each in lists])
    return {f"eval.fnir_at_fpir_{FPIR:.0e}_single".replace("e-0", "e-"): fnir(trials, threshold_at(trials, FPIR))}


def passage_gain(everybody: Sequence[EvaluatedPerson]) -> dict[str, float]:
    """Return FNIR of passages of three against single images, of the same people.

    Listed are all with at least four photographs, and, up to 400, the first by name with two.
    """
    four = [number for number, person in enumerate(everybody) if len(person.singles) > CROPS]
    two = [number for number, person in enumerate(everybody) if len(person.singles) == 2]
    watched = WatchedList.of(everybody, dict.fromkeys([*four, *two[: LISTED - len(four)]], 1), load_pack(PACK).cohort)
    single = watched.search(single_probes(everybody, 1), frozenset(four))
    passages = watched.search(passage_probes(everybody, 1, CROPS), frozenset(four))
    by_image, by_passage = (fnir(trials, threshold_at(trials, FPIR)) for trials in (single, passages))
    return {
        "eval.passages": len(passages.mated),
        "eval.fnir_same_people_single": by_image,
        "eval.fnir_same_people_passages": by_passage,
        "eval.passage_gain": by_passage / by_image,
    }


def promises(everybody: Sequence[EvaluatedPerson]) -> dict[str, float]:
    """Return counted over promised FPIR on one half of the people, with thresholds fitted on the other half.

    Travellers and lists are of the one half; only lists of 800, which a half of 735 people cannot fill, have 65 people
    of the other one on them.
    """
    cohort = load_pack(PACK).cohort
    ratios: dict[int, list[float]] = {size: [] for size in LIST_SIZES}
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(everybody))
        half = len(order) // 2
        for mine, others in ((order[:half], order[half:]), (order[half:], order[:half])):
            generator = np.random.default_rng(split)
            found, size = travellers_of(everybody, mine, [mine], cohort)
            pairs = np.stack([found.non_mated_person, found.non_mated_nearest], axis=1)
            provenance = Provenance("", "", "", 0, len(found.non_mated), CROPS, "")
            model = fit_tail(found.non_mated, pairs, size, provenance, size if cohort else 1)
            for listed in LIST_SIZES:
                lists = []
                for _ in range(DRAWS):
                    own = generator.choice(others, min(listed, len(others)), replace=False)
                    filling = generator.choice(mine, listed - len(own), replace=False)
                    lists.append(np.concatenate([own, filling]))
                trials, _ = travellers_of(everybody, others, lists, cohort)
                ratios[listed].append(fpir(trials, model.threshold(listed, FPIR)) / FPIR)
    pooled_ratios = {size: statistics.mean(each) for size, each in ratios.items()}
    kept = [0.5 <= ratio <= 2 for each in ratios.values() for ratio in each]
    return {
        **{f"eval.fpir_promise_ratio_{size}": ratio for size, ratio in pooled_ratios.items()},
        "eval.fpir_promise_ratio": max(pooled_ratios.values(), key=lambda ratio: abs(np.log(ratio))),
        "eval.fpir_promise_kept": statistics.mean(kept),
    }


def travellers_of(
    everybody: Sequence[EvaluatedPerson],
    travellers: np.ndarray,
    lists: Sequence[np.ndarray],
    cohort: CohortModel | None,
) -> tuple[Trials, int]:
    """Search the passages of `travellers` in `lists`, as not listed; return the trials, and the last list's size."""
    chosen = frozenset(travellers.tolist())
    probes = [probe for probe in passage_probes(everybody, 1, CROPS) if probe.person in chosen]
    watched = [WatchedList.of(everybody, dict.fromkeys(listed.tolist(), 1), cohort) for listed in lists]
    return pooled([each.search(probes, frozenset()) for each in watched]), len(watched[-1].owners)


def speed() -> dict[str, float]:
    """Return photographs a second of an evaluation, and of its detector and recogniser alone on decoded pictures."""
    photographs = collection("lfw").photographs[:SPEED_PHOTOGRAPHS]
    wanted = list(with_references(photographs))
    pictures = [(decode_photograph(one.path.read_bytes()), as_reference) for one, as_reference in wanted]
    engines = [open_engine(load_pack(PACK), threads=1) for _ in range(THREADS)]
    ours, bare = [], []
    for _ in range(SPEED_ROUNDS):
        fresh = maker(THREADS)
        begun = time.perf_counter()
        for _ in fresh.samples(wanted):
            pass
        ours.append(len(wanted) / (time.perf_counter() - begun))
        bare.append(bare_rate(engines, pictures))
    rate, alone = statistics.median(ours), statistics.median(bare)
    return {
        "eval.images_per_second": rate,
        "eval.bare_images_per_second": alone,
        "eval.images_per_second_ratio": statistics.median(one / other for one, other in zip(ours, bare, strict=True)),
    }


def bare_rate(engines: Sequence[Engine], pictures: Sequence[tuple[Picture, bool]]) -> float:
    """Return pictures a second in a loop of detector and recogniser, a thread for each engine, the same faces."""

    def loop(engine: Engine, share: Sequence[tuple[Picture, bool]]) -> None:
        for picture, as_reference in share:
            face = middle_face(engine.detector.detect(picture), picture)
            if face is not None:
                aligned = align(picture, face.landmarks)
                engine.recogniser.embed(np.stack([aligned, aligned[:, ::-1]] if as_reference else [aligned]))

    threads = [
        threading.Thread(target=loop, args=(engine, pictures[number :: len(engines)]))
        for number, engine in enumerate(engines)
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(pictures) / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(measure())
