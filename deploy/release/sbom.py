"""Writes the bill of materials (CycloneDX): every package of the lock, with its version and hashes.

python -m deploy.release.sbom build/sbom.json
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_sbom(root: Path, out: Path) -> None:
    """Describe the lock in `root`; the same lock gives the same bytes. Raises CalledProcessError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).parent / "cyclonedx-py"
    options = ("--pyproject", root / "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", out)
    subprocess.run([program, "requirements", *options, root / "requirements.lock"], check=True, capture_output=True)


if __name__ == "__main__":
    write_sbom(ROOT, Path(sys.argv[1]))
