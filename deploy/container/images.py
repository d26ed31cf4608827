"""Images that others made: a release names them by digest, since their makers can move a tag to other content."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from deploy.release.wheel import ReleaseError

DIGESTS = Path(__file__).with_name("images.toml")
OURS = "localhost/"
"""Images that are made here, from packages of the same commit."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_IN_COMPOSE = re.compile(r"^(\s+image: )(\S+)$", re.MULTILINE)
_IN_CONTAINERFILE = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)", re.MULTILINE | re.IGNORECASE)


def read_digests(file: Path = DIGESTS) -> dict[str, str]:
    """Return the digest of each image, by NAME:TAG; empty where nobody has written it yet."""
    return dict(tomllib.loads(file.read_text(encoding="utf-8")))


def with_digests(compose: str, digests: Mapping[str, str]) -> str:
    """Return a compose file that names other makers' images by digest. Raises ReleaseError when one has none."""

    def named(found: re.Match[str]) -> str:
        start, image = found.groups()
        if image.startswith(OURS) or _is_pinned(image):
            return found[0]
        digest = digests.get(image, "")
        if not _DIGEST.fullmatch(digest):
            raise ReleaseError(f"{image} has no digest in {DIGESTS.name}, which says how to ask for it")
        return f"{start}{image.rpartition(':')[0]}@{digest}  # {image}"

    return _IN_COMPOSE.sub(named, compose)


def check_base(containerfile: str) -> None:
    """Raise ReleaseError when a base image of a Containerfile is named by a tag alone."""
    for image in _IN_CONTAINERFILE.findall(containerfile):
        if image != "scratch" and not _is_pinned(image):
            raise ReleaseError(f"FROM {image}: a release names its base image by digest, NAME@sha256:…")


def _is_pinned(image: str) -> bool:
    return _DIGEST.fullmatch(image.partition("@")[2]) is not None
