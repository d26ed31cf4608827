"""What differs between two builds of one artefact, by the files inside it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy.release.wheel import sha256

SHOWN = 20
"""How many files are named at most."""


def differences(received: Path, built: Path) -> list[str]:
    """Say in sentences what differs between two files; empty when their bytes are the same."""
    if sha256(received) == sha256(built):
        return []
    theirs, ours = _contents(received), _contents(built)
    found = [
        *(f"only in the release: {name}" for name in sorted(theirs.keys() - ours.keys())),
        *(f"only in the new build: {name}" for name in sorted(ours.keys() - theirs.keys())),
        *(f"different: {name}" for name in sorted(theirs.keys() & ours.keys()) if theirs[name] != ours[name]),
    ]
    if len(found) > SHOWN:
        return [*found[:SHOWN], f"and {len(found) - SHOWN} more"]
    return found or ["the files inside are the same; their order, times or compression are not"]


def _contents(file: Path) -> dict[str, str]:
    """Return the SHA-256 of each file inside with its rights, by name; of what is no archive, of itself."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as archive:
            return {name: _sha256(archive.read(name)) for name in archive.namelist()}
    if file.suffix == ".deb":
        parts = ("--ctrl-tarfile", "--fsys-tarfile")
        unpacked = [subprocess.run(["dpkg-deb", part, file], check=True, capture_output=True).stdout for part in parts]
        return {name: digest for part in unpacked for name, digest in _members(io.BytesIO(part))}
    if file.suffix == ".tar":
        with file.open("rb") as stream:
            return dict(_members(stream))
    return {file.name: sha256(file)}


def _members(stream: io.BufferedIOBase) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=stream) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() else None
            yield entry.name, f"{entry.mode:o} {entry.linkname} {_sha256(content.read()) if content else ''}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
