"""How soon a threshold that was fitted on LFW keeps its promise among people of South Asia, through a real server.

    python -m benchmarks recognition.learned_threshold

Two hundred of the South Asian set are listed. The others pass four cameras, with people of LFW among them (two in five
on the first day, none on the last); one passage in a hundred is of somebody listed. There is one photograph a person,
varied by light, blur, size and mirror. People settle each alert, and two accept a threshold that waits for them after
each day. FPIR is then counted on other variants, and FNIR on people of LFW with two photographs.
Scores are compared with those of the list as the pack says. `…_at_1e-3` is another run of the same passages, for
another `target_fpir`; since two hundred listed and a thousand variants show no such rate, it is counted in ten lists of
the same size, drawn from all South Asian people.
"""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.recognition.faces import PACK, THREADS, collection
from benchmarks.recognition.learning.site import LearningSite, Passer
from cekalwatch.camera.detection.best_shot import cut, encode
from cekalwatch.camera.outbox.capture_message import to_request
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.captures import LANDMARKS
from cekalwatch.evaluation.collection import LabelledPhotograph
from cekalwatch.evaluation.samples import FaceTemplates
from cekalwatch.evaluation.statistics.tail import fit_tail
from cekalwatch.evaluation.statistics.trials import NOTHING, compared
from cekalwatch.evaluation.templates import TemplateCache, TemplateMaker, middle_face
from cekalwatch.server.domain.alerts.field_report import wilson_rate
from cekalwatch.server.recognition.packs.installed import Engine, open_detector, open_engine
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1.operations_pb2 import GalleryStatus
from cekalwatch.vision.alignment import align
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.quality import measure as measure_quality
from cekalwatch.vision.runtime import limit_native_threads

LISTED: Final = 200
PASSAGES: Final = 1_500
WANTED: Final = 1e-2
RARE: Final = 1e-3
LISTS: Final = 10
"""In which RARE is counted."""
CAMERAS: Final = 4
LISTED_SHARE: Final = 0.01
LFW_SHARES: Final = (0.4, 0.3, 0.2, 0.1, 0.0)
"""Of the passages of each day."""
REGIONS: Final = ("jharkhand", "kashmir", "punjab", "tamilnadu")
"""In the order in which most of their people come."""
SAME_PHOTOGRAPH: Final = 0.8
PASSED, FRESH = (0, 1), (2, 3)
"""Numbers of the variants that pass, and of those that FPIR is counted on."""
QUARTERS: Final = 4
"""The server is waited for so often in a day."""
FIRST: Final = 2 * CAMERAS
"""The first of a quarter, whose coming ends the passages before them."""
MATED: Final = 400
JPEG_QUALITY: Final = 85
SEED: Final = 15

Templates = NDArray[np.float32]
Scores = NDArray[np.float64]
Pictures = NDArray[np.uint8]
Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Sight:
    """A photograph as a camera sees it in one passage."""

    photograph: LabelledPhotograph
    face: capture_pb2.FaceCapture
    template: Templates
    """The templates that the server makes of the face."""

    @property
    def groups(self) -> tuple[str, str]:
        """Region and sex."""
        region, sex = self.photograph.path.parts[-3:-1]
        return region, sex


class Eyes:
    """Detector, recogniser and camera of one run, with the engine that the server chooses."""

    def __init__(self) -> None:
        limit_native_threads(1)
        self._pack = load_pack(PACK)
        self._engine: Engine = open_engine(self._pack, 1, InferenceChoice(InferenceEngine.AUTO, Precision.AUTO))
        recogniser = self._engine.recogniser
        self._maker = TemplateMaker(lambda: open_detector(self._pack, 1), recogniser, TemplateCache(), THREADS)
        self._own = threading.local()
        self._began = datetime.now(UTC)

    def templates(
        self, photographs: Iterable[LabelledPhotograph], *, listed: bool
    ) -> list[tuple[LabelledPhotograph, Templates]]:
        """Return each photograph with a face, with its template; as enrolment makes it where it is to be `listed`."""
        found = []
        for sample in self._maker.samples((one, listed) for one in photographs):
            if isinstance(sample.result, FaceTemplates):
                template = sample.result.reference if listed else sample.result.probe
                assert template is not None
                found.append((sample.photograph, template))
        return found

    def sights(self, photographs: Sequence[LabelledPhotograph], number: int) -> list[Sight]:
        """Return the photographs in which a camera finds a face, as from other passages for each `number`."""
        dice = [np.random.default_rng((SEED, number, place)) for place in range(len(photographs))]
        with ThreadPoolExecutor(THREADS) as pool:
            return [one for one in pool.map(self._sight, photographs, dice) if one]

    def _sight(self, photograph: LabelledPhotograph, dice: np.random.Generator) -> Sight | None:
        if not hasattr(self._own, "detector"):
            self._own.detector = open_detector(self._pack, 1)
        picture = _variant(np.asarray(cv2.imread(str(photograph.path)), dtype=np.uint8), dice)
        face = middle_face(self._own.detector.detect(picture), picture)
        crop = cut(Frame(picture, self._began, 0.0), face, 1, measure_quality(picture, face)) if face else None
        if crop is None:
            return None
        message = to_request(encode(crop, JPEG_QUALITY)).face
        seen = cv2.imdecode(np.frombuffer(message.jpeg, np.uint8), cv2.IMREAD_COLOR)
        points = [getattr(message.landmarks, name) for name in LANDMARKS]
        aligned = align(np.asarray(seen, np.uint8), np.array([(one.x, one.y) for one in points], np.float32))
        return Sight(photograph, message, self._engine.recogniser.embed(aligned[np.newaxis])[0])


def measure() -> Figures:
    """Return the figures `threshold.learned_…`; raises FileNotFoundError where the photographs are not there."""
    dice, console, eyes = np.random.default_rng(SEED), Console(), Eyes()
    asian, lfw = [*collection("southasian").photographs], [*collection("lfw").photographs]
    dice.shuffle(asian)
    dice.shuffle(lfw)
    listed = eyes.templates(asian[:LISTED], listed=True)
    names = {photograph.path: f"S-{number}" for number, (photograph, _) in enumerate(listed)}
    known = np.array([template for _, template in listed])
    others = [
        (photograph, template)
        for photograph, template in eyes.templates(asian[LISTED:], listed=True)
        if float((known @ template).max()) < SAME_PHOTOGRAPH
    ]
    once = [photograph for photograph, _ in others]
    strangers = _by_region([one for number in PASSED for one in eyes.sights(once, number)], dice)
    foreigners = eyes.sights(lfw[: round(PASSAGES * sum(LFW_SHARES) / len(LFW_SHARES))], 0)
    ours = eyes.sights([one for one, _ in listed[: round(PASSAGES * LISTED_SHARE)]], 0)
    fresh = [one for number in FRESH for one in eyes.sights(once, number)]
    cohort = load_pack(PACK).cohort
    scores = _scores(fresh, known, cohort)
    mated = _mated(collection("lfw").photographs, eyes, known, cohort)
    days = _days(strangers, foreigners, ours, dice)
    passed = [one for day in days for one in day]
    site, before, after = _learned(WANTED, days, names, known, scores, console)
    rare = _in_lists(fresh, [*listed, *others], cohort)
    _, rare_before, rare_after = _learned(RARE, days, names, known, rare, console)
    strange = [one for one in passed if one.photograph.path not in names]
    found = compared(np.array([one.template for one in strange]) @ known.T, cohort)
    pairs = np.stack([_numbers(strange), len(strange) + found.argmax(axis=1)], axis=1)
    fitted = fit_tail(found.max(axis=1), pairs, LISTED, load_pack(PACK).thresholds.provenance)
    at_once = fitted.threshold(len(known), WANTED)
    figures = {
        "threshold.learned_before": before,
        "threshold.learned": after.threshold,
        "threshold.learned_low": after.threshold_promise.low,
        "threshold.learned_high": after.threshold_promise.high,
        "threshold.learned_passages": site.passed,
        "threshold.learned_counted": after.threshold_promise.counted,
        "threshold.learned_alerts_cleared": site.cleared,
        "threshold.learned_alerts_confirmed": site.confirmed,
        "threshold.learned_needed": float(np.quantile(scores, 1 - WANTED)),
        "threshold.learned_fresh_passages": len(scores),
        "threshold.learned_fpir_ratio_before": _ratio(scores, before),
        "threshold.learned_fpir_ratio": _ratio(scores, after.threshold),
        "threshold.learned_fpir_ratio_of_all_who_passed": _ratio(found.max(axis=1), after.threshold),
        "threshold.fitted_at_once": at_once,
        "threshold.learned_lfw_fnir": float((mated < after.threshold).mean()),
        "threshold.fitted_at_once_lfw_fnir": float((mated < at_once).mean()),
        **_by_group(fresh, scores, before, after.threshold, WANTED, console),
        "threshold.learned_at_1e-3": rare_after.threshold,
        **{
            f"{name}_at_1e-3": ratio
            for name, ratio in _by_group(fresh * LISTS, rare, rare_before, rare_after.threshold, RARE, console).items()
        },
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def _learned(
    wanted: float,
    days: Sequence[Sequence[Sight]],
    names: dict[Path, str],
    known: Templates,
    fresh: Scores,
    console: Console,
) -> tuple[LearningSite, float, GalleryStatus]:
    """Let a site learn; return it with the threshold before, and what its server says after."""
    with tempfile.TemporaryDirectory() as folder:
        site = LearningSite(Path(folder), PACK, wanted, CAMERAS, known)
        with site:
            before = site.gallery().threshold
            return site, before, _play(site, days, names, fresh, wanted, console)


def _play(
    site: LearningSite,
    days: Sequence[Sequence[Sight]],
    names: dict[Path, str],
    fresh: Scores,
    wanted: float,
    console: Console,
) -> GalleryStatus:
    """Let the days pass, and print what each did; return what the server says at the end."""
    table = Table("day", "passages", "threshold (95 %)", "cleared, confirmed", "FPIR ÷ wanted, South Asian people")

    def tell(day: str) -> GalleryStatus:
        now = site.gallery()
        interval = f"{now.threshold:.3f} ({now.threshold_promise.low:.3f} to {now.threshold_promise.high:.3f})"
        alerts = f"{site.cleared}, {site.confirmed}"
        table.add_row(day, str(site.passed), interval, alerts, f"{_ratio(fresh, now.threshold, wanted):.2f}")
        return now

    tell("before")
    last: Sequence[Passer] = ()
    for number, day in enumerate(days):
        people = [Passer(one.face, names.get(one.photograph.path, "")) for one in day]
        if number == len(days) - 1:
            people, last = people[:-FIRST], people[-FIRST:]
        for part in np.array_split(np.arange(len(people)), QUARTERS):
            quarter = [people[place] for place in part]
            site.passes(quarter[:FIRST])
            site.learns()
            site.passes(quarter[FIRST:])
            site.settle()
            site.clock.go(hours=24 / QUARTERS)
        site.accept()
        tell(str(number + 1))
    site.passes(last)
    site.learns()
    after = tell("after")
    console.print(table)
    return after


def _days(
    strangers: Sequence[Sight], foreigners: Sequence[Sight], ours: Sequence[Sight], dice: np.random.Generator
) -> list[list[Sight]]:
    """Return who passes on each day, in the order in which they do."""
    shares = np.array(LFW_SHARES)
    parts = zip(
        _in_parts(strangers[: PASSAGES - len(foreigners) - len(ours)], 1 - shares),
        _in_parts(foreigners, shares),
        _in_parts(ours, np.ones(len(shares))),
        strict=True,
    )
    days = [[one for part in day for one in part] for day in parts]
    return [[day[place] for place in dice.permutation(len(day))] for day in days]


def _in_parts(sights: Sequence[Sight], weights: NDArray[np.float64]) -> list[Sequence[Sight]]:
    ends = np.round(np.cumsum(weights) / weights.sum() * len(sights)).astype(int)
    return [sights[begin:end] for begin, end in zip((0, *ends[:-1]), ends, strict=True)]


def _by_region(sights: Sequence[Sight], dice: np.random.Generator) -> list[Sight]:
    """Return the sights so that each region has its time, and some of its people pass at any."""
    places = [REGIONS.index(one.groups[0]) + len(REGIONS) * float(dice.random()) for one in sights]
    return [sights[place] for place in np.argsort(places)]


def _by_group(
    fresh: Sequence[Sight], scores: Scores, before: float, after: float, wanted: float, console: Console
) -> Figures:
    """Print the FPIR of each region and sex; return their ratios to the wanted one, and the largest."""
    table = Table("people", "passages", "FPIR before", "FPIR (95 %, passages as independent)", "÷ wanted")
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(fresh):
        for group in ("all", *one.groups):
            members[group].append(place)
    ratios: Figures = {}
    for group, places in members.items():
        own = scores[places]
        rate = wilson_rate(int((own >= after).sum()), len(own))
        ratios[group] = rate.value / wanted
        shown = f"{rate.value:.4f} ({rate.low:.4f} to {rate.high:.4f})"
        table.add_row(group, str(len(own)), f"{_ratio(own, before, 1):.4f}", shown, f"{ratios[group]:.2f}")
    console.print(table)
    del ratios["all"]
    figures = {f"threshold.learned_fpir_ratio_{group}": ratio for group, ratio in ratios.items()}
    return figures | {"threshold.learned_fpir_ratio_worst_group": max(ratios.values())}


def _mated(
    photographs: Sequence[LabelledPhotograph], eyes: Eyes, known: Templates, cohort: CohortModel | None
) -> Scores:
    """Return the scores of second photographs of people with their first, which is listed beside those who are."""
    people: defaultdict[str, list[LabelledPhotograph]] = defaultdict(list)
    for one in photographs:
        people[one.person].append(one)
    pairs = [several[:2] for several in people.values() if len(several) > 1][:MATED]
    references = {photograph.person: found for photograph, found in eyes.templates((a for a, _ in pairs), listed=True)}
    probes = eyes.templates((b for _, b in pairs), listed=False)
    lists = [(found, np.stack([references[one.person], *known])) for one, found in probes if one.person in references]
    return np.array([float(compared((listed @ found)[np.newaxis], cohort)[0, 0]) for found, listed in lists])


def _scores(sights: Sequence[Sight], listed: Templates, cohort: CohortModel | None) -> Scores:
    found = compared(np.array([one.template for one in sights]) @ listed.T, cohort)
    return np.asarray(found.max(axis=1), dtype=np.float64)


def _in_lists(
    sights: Sequence[Sight], people: Sequence[tuple[LabelledPhotograph, Templates]], cohort: CohortModel | None
) -> Scores:
    """Return the scores of all sights in LISTS lists, one list after another; nobody meets their own photograph."""
    paths = np.array([str(photograph.path) for photograph, _ in people])
    found = np.array([one.template for one in sights]) @ np.array([template for _, template in people]).T
    own = np.array([str(one.photograph.path) for one in sights])[:, np.newaxis] == paths
    found = np.where(own | (found >= SAME_PHOTOGRAPH), np.float32(NOTHING), found)
    drawn = [np.random.default_rng((SEED, n)).choice(len(people), LISTED, replace=False) for n in range(LISTS)]
    return np.concatenate([compared(found[:, columns], cohort).max(axis=1) for columns in drawn]).astype(np.float64)


def _numbers(sights: Sequence[Sight]) -> NDArray[np.int64]:
    """Return a number for each photograph that was seen."""
    return np.unique([str(one.photograph.path) for one in sights], return_inverse=True)[1].astype(np.int64)


def _ratio(scores: NDArray[np.floating], threshold: float, wanted: float = WANTED) -> float:
    return float((scores >= threshold).mean()) / wanted


def _variant(picture: Pictures, dice: np.random.Generator) -> Pictures:
    factor = float(dice.uniform(0.5, 1.0))
    scaled = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if dice.random() < 0.5:
        scaled = cv2.flip(scaled, 1)
    blurred = cv2.GaussianBlur(scaled, (0, 0), float(dice.uniform(0.3, 1.5)))
    return np.asarray(np.clip(blurred.astype(np.float32) * dice.uniform(0.6, 1.3), 0, 255), dtype=np.uint8)


if __name__ == "__main__":
    print(measure())
