"""Builds the pack `accurate`: the networks of the packs `standard` and `light` in one file (docs/accurate-pack.md).

Both are built first, each from its own packages and with its own checks.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from cekalwatch.server.recognition.packs.installed import open_engine, pack_folder, replacing
from cekalwatch.server.recognition.packs.light import STEPS as STEPS_OF_LIGHT
from cekalwatch.server.recognition.packs.light import install_light
from cekalwatch.server.recognition.packs.networks import NetworkError, joined, read_network
from cekalwatch.server.recognition.packs.packages import Step
from cekalwatch.server.recognition.packs.standard import STEPS as STEPS_OF_STANDARD
from cekalwatch.server.recognition.packs.standard import drawn_faces, install_standard, require_same
from cekalwatch.server.recognition.packs.threshold_models import ACCURATE, ACCURATE_COHORT, ACCURATE_LIKENESS
from cekalwatch.vision.alignment import align
from cekalwatch.vision.manifest import Pack, PackError, RecogniserSpec, file_sha256, load_pack, write_manifest

NAME: Final = "accurate"
VERSION: Final = "1"
SHARE: Final = 0.7
"""Of `standard` in a score; the rest is of `light` (docs/adr/0108)."""
STEPS: Final = STEPS_OF_STANDARD + STEPS_OF_LIGHT + 1
"""How often `Step` is called in an installation."""


def install_accurate(models_dir: Path, step: Step) -> Pack:
    """Build both packs elsewhere, join them and write the pack, replacing an older one; return it. Raises PackError."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as temporary:
        first, second = install_standard(Path(temporary), step), install_light(Path(temporary), step)
        step("join the networks, and compare with both")
        return build_accurate(models_dir, first.folder, second.folder)


def build_accurate(models_dir: Path, standard: Path, light: Path) -> Pack:
    """Write the pack from those two packs' folders, if it computes the same as both. Raises PackError."""
    target = pack_folder(models_dir, NAME)
    first, second = load_pack(standard), load_pack(light)
    size = first.recogniser.size + second.recogniser.size
    with replacing(target) as fresh:
        for file in first.detector.files:
            (fresh / file).write_bytes(first.path(file).read_bytes())
        network = RecogniserSpec(
            "recogniser.onnx", size, first.recogniser.colour_order, first.recogniser.mean, first.recogniser.std
        )
        (fresh / network.file).write_bytes(joined_network(first, second))
        pack = Pack(
            folder=fresh,
            name=NAME,
            version=VERSION,
            licence=f"{first.name}: {first.licence} {second.name}: {second.licence}",
            engine=first.engine,
            detector=first.detector,
            recogniser=network,
            thresholds=ACCURATE,
            likeness=ACCURATE_LIKENESS,
            sha256={file: file_sha256(fresh / file) for file in (*first.detector.files, network.file)},
            cohort=ACCURATE_COHORT,
        )
        write_manifest(pack)
        check_joined(pack, first, second)
    return load_pack(target)


def joined_network(standard: Pack, light: Pack) -> bytes:
    """Return the network that is made of those of the two packs: the same bytes of the same packs. Raises PackError."""
    try:
        first, second = (read_network(each.path(each.recogniser.file).read_bytes()) for each in (standard, light))
        one = joined(first, second, SHARE, light.recogniser.mean, light.recogniser.std)
    except NetworkError as error:
        raise PackError(f"The pack {NAME} cannot be built: {error}") from error
    return one.SerializeToString(deterministic=True)


def check_joined(pack: Pack, standard: Pack, light: Pack) -> None:
    """Raise PackError unless `pack` makes of the drawn faces what the two packs make of them."""
    engine, faces = open_engine(pack, threads=1), drawn_faces()
    aligned = np.stack([align(faces, face.landmarks) for face in engine.detector.detect(faces)])
    first, second = (open_engine(each, threads=1).recogniser.embed(aligned) for each in (standard, light))
    wanted = np.hstack([math.sqrt(SHARE) * first, math.sqrt(1 - SHARE) * second])
    require_same("the joined network's templates", "both networks", wanted, engine.recogniser.embed(aligned))
