"""Packs that InsightFace publishes: their licence, and downloading their archives.

An archive from the network is treated as hostile until it is checked: it must have a SHA-256 from a trusted source,
its size is limited before and after unpacking, and only its networks are unpacked, by their bare names.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from cekalwatch.vision.manifest import PackError

RELEASE_URL: Final = "https://github.com/deepinsight/insightface/releases/download/model-zoo/{name}.zip"
LICENCE: Final = (
    "InsightFace model packs are available for non-commercial research purposes only. "
    "Any other use, such as at a checkpoint, needs a licence from InsightFace (https://www.insightface.ai)."
)
PUBLISHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "buffalo_l": "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        "buffalo_s": "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
        "antelopev2": "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
    }
)
"""SHA-256 of each pack's archive, as many projects that fetched it state; we could not fetch the release ourselves."""

MAX_ARCHIVE_BYTES: Final = 1 << 30
MAX_UNPACKED_BYTES: Final = 2 << 30
_CHUNK: Final = 1 << 18
_TIMEOUT_S: Final = (10.0, 60.0)


@dataclass(frozen=True)
class Progress:
    """The progress of a download; `total` is None if the server does not state it."""

    received: int
    total: int | None


def download(url: str, target: Path, report: Callable[[Progress], None], sha256: str) -> None:
    """Fetch `url` into the file `target`, at most 1 GiB. Raises PackError, also for another SHA-256."""
    import requests

    digest, received = hashlib.sha256(), 0
    try:
        # A compressed answer would have a different length from the stated one.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response, target.open("wb") as file:
            if response.status_code != requests.codes.ok:
                raise PackError(f"{url} answered {response.status_code}. Give another address with --url.")
            said = response.headers.get("Content-Length", "")
            total = int(said) if said.isdigit() else None
            if total is not None and total > MAX_ARCHIVE_BYTES:
                raise PackError(f"{url} is larger than {MAX_ARCHIVE_BYTES >> 20} MiB; this is no model pack")
            for chunk in response.iter_content(_CHUNK):
                received += len(chunk)
                if received > MAX_ARCHIVE_BYTES:
                    raise PackError(f"{url} is larger than {MAX_ARCHIVE_BYTES >> 20} MiB; this is no model pack")
                digest.update(chunk)
                file.write(chunk)
                report(Progress(received, total))
    except requests.RequestException as error:
        raise PackError(
            f"{url} cannot be fetched ({type(error).__name__}). Check the network; or fetch the archive elsewhere, "
            "unpack it, and run: cekalwatch-server models import FOLDER"
        ) from error
    if total is not None and received != total:
        raise PackError(f"{url} broke off after {received} of {total} bytes. Run this again.")
    if digest.hexdigest() != sha256.lower():
        raise PackError(
            f"{url} is not what it should be: its sha256 is {digest.hexdigest()}, not {sha256.lower()}. Nothing was "
            "installed. If you know from its publisher that this one is right, give it with --sha256."
        )


def unpack(archive: Path, folder: Path) -> None:
    """Write the networks of the archive into `folder`, by their bare names. Raises PackError."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if member.filename.endswith(".onnx")]
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise PackError("The archive would unpack to more than a model pack can have. Nothing was installed.")
            names = [PurePosixPath(member.filename.replace("\\", "/")).name for member in members]
            if len(set(names)) != len(names) or not names:
                raise PackError("The archive has no networks, or several of the same name. Nothing was installed.")
            for member, name in zip(members, names, strict=True):
                _write(packed, member, folder / name)
    except zipfile.BadZipFile as error:
        raise PackError(f"The archive is damaged ({error}). Fetch it again.") from error


def _write(packed: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    with packed.open(member) as source, target.open("xb") as file:
        # zipfile stops at the stated size, which was bounded, and checks the CRC at the end.
        while chunk := source.read(_CHUNK):
            file.write(chunk)
