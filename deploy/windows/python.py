"""The Python that an installer for Windows brings: python.org's embeddable package, which the builder has checked."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from deploy.packages.wheels import PYTHON
from deploy.release.wheel import ReleaseError, sha256

SIGNERS = ("Python Software Foundation", "Microsoft Corporation")
"""Organisations that sign the programs of the package; the second one its C runtime."""
_PROGRAMS = (".exe", ".dll", ".pyd")
_SIGNER = re.compile(r"Signer #0:\s+Subject: .*?/O=([^/\n]+)")


@dataclass(frozen=True)
class EmbeddedPython:
    """An embeddable package of the version `PYTHON` for 64 bit. `checked` makes the one of a release."""

    archive: Path

    @classmethod
    def checked(cls, archive: Path, digest: str, roots: Path) -> EmbeddedPython:
        """Return the package once hash and signatures are as they should be. Raises ReleaseError.

        `digest` is the SHA-256 that python.org states, hexadecimal. Every program in the package must be signed by one
        of `SIGNERS`, whose certificate and time stamp lead to the certificates in `roots` (PEM).
        """
        if (found := sha256(archive)) != digest.lower():
            raise ReleaseError(f"{archive} is not the file that was checked: its SHA-256 is {found}")
        python = cls(archive)
        with tempfile.TemporaryDirectory() as scratch:
            python.unpack(Path(scratch))
            for file in sorted(Path(scratch).iterdir()):
                if file.suffix in _PROGRAMS:
                    _check_signature(file, roots)
        return python

    def unpack(self, folder: Path) -> None:
        """Write the package's files into `folder`. Raises ReleaseError when it is not an embeddable package."""
        try:
            with ZipFile(self.archive) as files:
                flat = {name.rpartition("/")[2]: name for name in files.namelist() if not name.endswith("/")}
                if "python.exe" not in flat or f"python{PYTHON.replace('.', '')}._pth" not in flat:
                    raise ReleaseError(f"{self.archive} is not python.org's embeddable package of Python {PYTHON}")
                for name, member in flat.items():
                    (folder / name).write_bytes(files.read(member))
        except BadZipFile as error:
            raise ReleaseError(f"{self.archive} cannot be unpacked: {error}") from None


def _check_signature(file: Path, roots: Path) -> None:
    command = ("osslsigncode", "verify", "-in", file, "-CAfile", roots, "-TSA-CAfile", roots, "-ignore-crl")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    signer = _SIGNER.search(done.stdout)
    if done.returncode or signer is None or signer[1] not in SIGNERS:
        raise ReleaseError(f"{file.name} in the embeddable package has no valid signature of {' or '.join(SIGNERS)}")
