"""Model packs on the server: listing, importing and opening them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cekalwatch.server.recognition.engines.insightface_engine import (
    InsightfaceDetector,
    InsightfaceRecogniser,
    recogniser_facts,
    task_of,
)
from cekalwatch.server.recognition.engines.opening import open_recogniser
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.packs.threshold_models import INSIGHTFACE
from cekalwatch.vision.detectors.factory import open_pack_detector
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.inference import (
    ONNXRUNTIME_F32,
    Inference,
    InferenceChoice,
    InferenceEngine,
    Precision,
)
from cekalwatch.vision.manifest import (
    MANIFEST_FILE,
    ColourOrder,
    DetectorKind,
    DetectorSpec,
    EngineKind,
    Pack,
    PackError,
    RecogniserSpec,
    file_sha256,
    load_pack,
    read_manifest,
    write_manifest,
)
from cekalwatch.vision.runtime import ModelError

_OF_INSIGHTFACE: Final = (InferenceEngine.AUTO, InferenceEngine.ONNXRUNTIME)
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")


@dataclass(frozen=True)
class Engine:
    """An opened pack. The detector serves one thread at a time; the recogniser any number."""

    pack: Pack
    detector: FaceDetector
    recogniser: Recogniser
    inference: Inference
    """The engine that computes the recogniser."""


def open_engine(pack: Pack, threads: int, choice: InferenceChoice = ONNXRUNTIME_F32) -> Engine:
    """Load the networks of `pack`, each call computing on `threads` threads; raises PackError.

    `choice` is for the recogniser. InsightFace's packs are computed by insightface, with onnxruntime on the CPU.
    """
    detector = open_detector(pack, threads)
    with _usable(pack):
        match pack.engine:
            case EngineKind.ONNXRUNTIME:
                return Engine(pack, detector, *open_recogniser(pack, threads, choice))
            case EngineKind.INSIGHTFACE:
                if choice.engine not in _OF_INSIGHTFACE or choice.precision is Precision.BF16:
                    raise ModelError("insightface computes it, with onnxruntime in f32. Set inference to auto.")
                inference = Inference(InferenceEngine.ONNXRUNTIME, Precision.F32, batch=1)
                return Engine(pack, detector, InsightfaceRecogniser(pack, threads), inference)


def open_detector(pack: Pack, threads: int) -> FaceDetector:
    """Load the detector of `pack`, for one caller at a time. Raises PackError."""
    with _usable(pack):
        match pack.engine:
            case EngineKind.ONNXRUNTIME:
                return open_pack_detector(pack, threads)
            case EngineKind.INSIGHTFACE:
                return InsightfaceDetector(pack, threads)


@contextmanager
def _usable(pack: Pack) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        raise PackError(f"The model pack {pack.name} cannot be used: {error}") from error


def pack_folder(models_dir: Path, name: str) -> Path:
    """Return the folder of the pack `name`, whether it exists or not; raises PackError for an invalid name."""
    if not _NAME.match(name):
        raise PackError(f"{name!r} is no name for a model pack; use lower-case letters, digits, - and _")
    return models_dir / name


def load_named(models_dir: Path, name: str) -> Pack:
    """Return the installed pack `name` after checking its files. Raises PackError."""
    return load_pack(pack_folder(models_dir, name))


def installed(models_dir: Path) -> list[Path]:
    """Return the folders of packs, by name."""
    if not models_dir.is_dir():
        return []
    return sorted(path.parent for path in models_dir.glob(f"*/{MANIFEST_FILE}") if not path.parent.name.startswith("."))


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder to fill; at the end it replaces `folder` atomically; after an error nothing has changed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as temporary:
        fresh = Path(temporary) / folder.name
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.rename(Path(temporary) / "replaced")
        fresh.rename(folder)


def import_pack(source: Path, models_dir: Path, name: str, licence: str) -> Pack:
    """Copy the pack in the folder `source` and return it: one with our manifest, or one in InsightFace's layout.

    An existing pack of that name is replaced. Raises PackError when the source cannot be used.
    """
    target = pack_folder(models_dir, name)
    if not source.is_dir():
        raise PackError(f"{source} is no folder. Unpack the model pack, and name its folder.")
    with replacing(target) as fresh:
        if (source / MANIFEST_FILE).is_file():
            pack = _copy_described(source, fresh, name)
        else:
            pack = _describe_insightface(_single_inner(source), fresh, name, licence)
        write_manifest(pack)
        open_engine(pack, threads=1)
    return load_pack(target)


def _copy_described(source: Path, fresh: Path, name: str) -> Pack:
    pack = load_pack(source)
    for file in pack.sha256:
        shutil.copyfile(pack.path(file), fresh / file)
    return replace(pack, folder=fresh, name=name)


def _single_inner(source: Path) -> Path:
    """Return the folder with the networks, which is one level down in some archives."""
    if any(source.glob("*.onnx")):
        return source
    inner = {path.parent for path in source.glob("*/*.onnx")}
    if len(inner) != 1:
        raise PackError(f"{source} has neither a {MANIFEST_FILE} nor networks (.onnx)")
    return inner.pop()


def _describe_insightface(source: Path, fresh: Path, name: str, licence: str) -> Pack:
    """Copy the detector and the recogniser, as insightface recognises them, and describe them."""
    detector = recogniser = None
    for path in sorted(source.glob("*.onnx")):
        try:
            task = task_of(path)
        except ModelError as error:
            raise PackError(f"{path} is damaged: {error}. Get the pack again.") from error
        # As in insightface's FaceAnalysis, the first of each task counts.
        if task == "detection":
            detector = detector or path
        elif task == "recognition":
            recogniser = recogniser or path
    if detector is None or recogniser is None:
        raise PackError(f"{source} has no {'detector' if detector is None else 'recogniser'} that insightface knows")
    shutil.copyfile(detector, fresh / detector.name)
    _copy_recogniser(recogniser, fresh / recogniser.name)
    size, mean, std = recogniser_facts(recogniser)
    return Pack(
        folder=fresh,
        name=name,
        version=file_sha256(recogniser)[:8],
        licence=licence,
        engine=EngineKind.INSIGHTFACE,
        detector=DetectorSpec(DetectorKind.SCRFD, (detector.name,)),
        recogniser=RecogniserSpec(recogniser.name, size, ColourOrder.RGB, mean, std),
        thresholds=INSIGHTFACE,
        likeness=None,
        sha256={path.name: file_sha256(path) for path in (fresh / detector.name, fresh / recogniser.name)},
    )


def _copy_recogniser(source: Path, target: Path) -> None:
    """Copy the network, without tiny weights that would slow it down many times."""
    from cekalwatch.server.recognition.packs.networks import NetworkError, drop_tiny_weights, read_network  # loads ONNX

    try:
        model = read_network(source.read_bytes())
    except NetworkError as error:
        raise PackError(f"{source}: {error}") from error
    if drop_tiny_weights(model):
        target.write_bytes(model.SerializeToString())
    else:
        shutil.copyfile(source, target)


def check_all(models_dir: Path, names: list[str], report: Callable[[str, PackError | None], None]) -> bool:
    """Verify the packs `names`, or all installed ones, and report each result; return whether all are intact."""
    sound = True
    for name in names or [folder.name for folder in installed(models_dir)]:
        try:
            load_named(models_dir, name)
        except PackError as error:
            sound = False
            report(name, error)
        else:
            report(name, None)
    return sound


def describe(folder: Path) -> Pack | PackError:
    """Return the pack of a folder by its manifest, or the error that prevents reading it."""
    try:
        return read_manifest(folder)
    except PackError as error:
        return error
