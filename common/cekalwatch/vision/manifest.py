"""Model packs: a folder with networks and a `manifest.json` that says what they are.

Standard library only, and it loads no network: it reads, checks and writes the description.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import LikenessModel, ThresholdModel

MANIFEST_FILE: Final = "manifest.json"
MANIFEST_FORMAT: Final = 2
_MAX_MANIFEST_BYTES: Final = 1 << 20


class PackError(ProgramError):
    """A model pack that cannot be used; the message says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.CONFIG)


class DetectorKind(StrEnum):
    """How a pack finds faces."""

    ULTRAFACE_ONET = "ultraface-onet"
    """UltraFace for boxes, then MTCNN's O-Net for landmarks; files in that order."""
    YUNET_ONET = "yunet-onet"
    """YuNet for boxes, then MTCNN's O-Net for landmarks; files in that order."""
    SCRFD = "scrfd"
    """SCRFD with landmarks; one file."""
    YUNET = "yunet"
    """YuNet; one file."""


class EngineKind(StrEnum):
    """What runs a pack on the server."""

    ONNXRUNTIME = "onnxruntime"
    INSIGHTFACE = "insightface"


class ColourOrder(StrEnum):
    """Order of the colours in a recogniser's input."""

    RGB = "rgb"
    BGR = "bgr"


@dataclass(frozen=True)
class DetectorSpec:
    """The pack's detector."""

    kind: DetectorKind
    files: tuple[str, ...]


@dataclass(frozen=True)
class RecogniserSpec:
    """The pack's recogniser: its input is (pixel - mean) / std, its output `size` numbers a face."""

    file: str
    size: int
    colour_order: ColourOrder
    mean: float
    std: float


@dataclass(frozen=True)
class Pack:
    """A model pack on the disk."""

    folder: Path
    name: str
    version: str
    licence: str
    engine: EngineKind
    detector: DetectorSpec
    recogniser: RecogniserSpec
    thresholds: ThresholdModel
    """The rule of the threshold of scores by the wanted FPIR and the gallery's size, and its origin."""
    likeness: LikenessModel | None
    """The rule for the likeness of two passages of one person; None if this pack was not measured."""
    sha256: Mapping[str, str]
    """Checksum of each file."""
    cohort: CohortModel | None = None
    """How scores are compared with those of the list before a decision; None: they are not."""

    def path(self, file: str) -> Path:
        return self.folder / file

    @property
    def model_version(self) -> str:
        """What templates are bound to: the pack's name and the start of the recogniser's checksum."""
        return f"{self.name}-{self.sha256[self.recogniser.file][:8]}"

    @property
    def score_version(self) -> str:
        """What scores of decisions and their thresholds are bound to: `model_version`, unless they are compared."""
        return self.cohort.score_version(self.model_version) if self.cohort else self.model_version

    @property
    def decision_thresholds(self) -> ThresholdModel:
        return self.cohort.thresholds if self.cohort else self.thresholds


def file_sha256(path: Path) -> str:
    """Return the checksum of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Pack:
    """Return the pack that `folder` describes, without checking its files. Raises PackError."""
    path = folder / MANIFEST_FILE
    if not folder.is_dir():
        raise PackError(f"There is no model pack in {folder}. Run: cekalwatch-server models install standard")
    if not path.is_file():
        raise PackError(
            f"{folder} has no {MANIFEST_FILE}. Bring it in with: cekalwatch-server models import {folder}, "
            "or install a pack with: cekalwatch-server models install standard"
        )
    if path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise PackError(f"{path} is too large for a manifest. Install the pack again.")
    try:
        return _parse(folder, json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackError(f"{path} cannot be used ({error}). Install the pack again.") from None


def load_pack(folder: Path) -> Pack:
    """Return the pack in `folder` after comparing every file with its checksum. Raises PackError."""
    pack = read_manifest(folder)
    for file, wanted in pack.sha256.items():
        path = pack.path(file)
        if not path.is_file():
            raise PackError(f"{path} is missing. {_again(pack)}")
        if file_sha256(path) != wanted:
            raise PackError(f"{path} is damaged or was changed: its sha256 is not the manifest's. {_again(pack)}")
    return pack


def write_manifest(pack: Pack) -> None:
    """Write the pack's manifest into its folder."""
    document = {
        "format": MANIFEST_FORMAT,
        "name": pack.name,
        "version": pack.version,
        "licence": pack.licence,
        "engine": pack.engine.value,
        "detector": {"kind": pack.detector.kind.value, "files": list(pack.detector.files)},
        "recogniser": {
            "file": pack.recogniser.file,
            "size": pack.recogniser.size,
            "colour_order": pack.recogniser.colour_order.value,
            "mean": pack.recogniser.mean,
            "std": pack.recogniser.std,
        },
        "thresholds": pack.thresholds.to_json(),
        **({"likeness": pack.likeness.to_json()} if pack.likeness else {}),
        **({"cohort": pack.cohort.to_json()} if pack.cohort else {}),
        "sha256": dict(pack.sha256),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    # In one step: a server that starts meanwhile reads the old one or the new one.
    fresh = pack.folder / f".{MANIFEST_FILE}.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(pack.folder / MANIFEST_FILE)


def _again(pack: Pack) -> str:
    return f"Install the pack again: cekalwatch-server models install {pack.name} --force, or models import --force."


def _parse(folder: Path, document: dict[str, Any]) -> Pack:
    if document["format"] != MANIFEST_FORMAT:
        raise ValueError(f"format {document['format']!r} is not {MANIFEST_FORMAT}")
    detector, recogniser = document["detector"], document["recogniser"]
    pack = Pack(
        folder=folder,
        name=_text(document["name"]),
        version=_text(document["version"]),
        licence=_text(document["licence"]),
        engine=EngineKind(document["engine"]),
        detector=DetectorSpec(DetectorKind(detector["kind"]), tuple(_file_name(file) for file in detector["files"])),
        recogniser=RecogniserSpec(
            file=_file_name(recogniser["file"]),
            size=int(recogniser["size"]),
            colour_order=ColourOrder(recogniser["colour_order"]),
            mean=float(recogniser["mean"]),
            std=float(recogniser["std"]),
        ),
        thresholds=ThresholdModel.from_json(document["thresholds"]),
        likeness=LikenessModel.from_json(document["likeness"]) if "likeness" in document else None,
        sha256={_file_name(file): _text(digest) for file, digest in document["sha256"].items()},
        cohort=CohortModel.from_json(document["cohort"]) if "cohort" in document else None,
    )
    _check(pack)
    return pack


def _check(pack: Pack) -> None:
    wanted = 2 if pack.detector.kind in {DetectorKind.ULTRAFACE_ONET, DetectorKind.YUNET_ONET} else 1
    if len(pack.detector.files) != wanted:
        raise ValueError(f"a detector of kind {pack.detector.kind} has {wanted} files")
    unchecked = {*pack.detector.files, pack.recogniser.file} - set(pack.sha256)
    if unchecked:
        raise ValueError(f"no sha256 for {', '.join(sorted(unchecked))}")
    if not 1 <= pack.recogniser.size <= 4096 or not pack.recogniser.std > 0 or not math.isfinite(pack.recogniser.mean):
        raise ValueError("the recogniser's size, mean or std is out of range")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 10_000:
        raise ValueError(f"{value!r} is no text")
    return value


def _file_name(value: object) -> str:
    text = _text(value)
    # A manifest from elsewhere must not reach outside its folder.
    if text != Path(text).name or text in {".", ".."} or "\\" in text:
        raise ValueError(f"{text!r} is not the name of a file in the pack's folder")
    return text
