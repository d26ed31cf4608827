"""The shared face data with its templates, made once a process for all benchmarks that want them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from rich.progress import track

from cekalwatch.evaluation.collection import Collection, LabelledPhotograph, read_collection
from cekalwatch.evaluation.people import EvaluatedPerson, gather
from cekalwatch.evaluation.templates import TemplateCache, TemplateMaker
from cekalwatch.server.recognition.packs.installed import open_detector, open_engine
from cekalwatch.vision.inference import ONNXRUNTIME_F32, InferenceChoice
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads

FACES: Final = Path("../shared/faces")
PACK: Final = Path("build/models/standard")
THREADS: Final = 2


def collection(name: str) -> Collection:
    """Return the photographs of a data set; raises FileNotFoundError where it is not there."""
    if not (FACES / name).is_dir():
        raise FileNotFoundError(f"{FACES / name} (one folder a person)")
    return read_collection(FACES / name)


def maker(threads: int = THREADS, choice: InferenceChoice = ONNXRUNTIME_F32, folder: Path = PACK) -> TemplateMaker:
    """Return what makes templates with the pack in `folder`, with an empty cache."""
    limit_native_threads(1)
    pack = load_pack(folder)
    recogniser = open_engine(pack, 1, choice).recogniser
    return TemplateMaker(lambda: open_detector(pack, threads=1), recogniser, TemplateCache(), threads)


@cache
def people(name: str, choice: InferenceChoice = ONNXRUNTIME_F32, folder: Path = PACK) -> tuple[EvaluatedPerson, ...]:
    """Return everybody, each photograph with its template as probe and as reference, of the pack in `folder`."""
    return _with_templates(name, collection(name).photographs, choice, folder)


@cache
def south_asians(choice: InferenceChoice = ONNXRUNTIME_F32, folder: Path = PACK) -> tuple[EvaluatedPerson, ...]:
    """Return the people of the South Asian set, one photograph each, `region/female` or `region/male` as group.

    Raises FileNotFoundError where the data set is not there.
    """
    paths = sorted(FACES.glob("southasian/*/*/*.jpg"))
    if not paths:
        raise FileNotFoundError(f"{FACES / 'southasian'} (region/sex/photograph)")
    names = [str(path.relative_to(FACES)) for path in paths]
    photographs = [
        LabelledPhotograph(path, name, person=name, group="/".join(path.parts[-3:-1]))
        for path, name in zip(paths, names, strict=True)
    ]
    return _with_templates("southasian", photographs, choice, folder)


@cache
def distant_people(name: str) -> tuple[EvaluatedPerson, ...]:
    """Return everybody as from a camera at changing distances: each photograph scaled by 0.25 to 1, as JPEG of 80.

    The eyes of LFW's faces are then 10 to 42 pixels apart.
    """
    generator = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as temporary:
        scaled = []
        for number, photograph in enumerate(collection(name).photographs):
            picture = np.asarray(cv2.imread(str(photograph.path)), dtype=np.uint8)
            factor = float(generator.uniform(0.25, 1.0))
            small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            path = Path(temporary) / f"{number}.jpg"
            cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 80])
            scaled.append(replace(photograph, path=path))
        return _with_templates(f"{name}, distant", scaled)


def _with_templates(
    title: str,
    photographs: Sequence[LabelledPhotograph],
    choice: InferenceChoice = ONNXRUNTIME_F32,
    folder: Path = PACK,
) -> tuple[EvaluatedPerson, ...]:
    samples = maker(choice=choice, folder=folder).samples((photograph, True) for photograph in photographs)
    return tuple(gather(track(samples, total=len(photographs), description=title)))
