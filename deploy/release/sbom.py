"""Writes the bill of materials (CycloneDX): every component with its version, hashes and licence.

    python -m deploy.release.sbom build/sbom.json

The components are the packages of the lock, and the wheels of which only a part is shipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.release.licences import Licences, as_cyclonedx
from deploy.release.wheel import ReleaseError

ROOT = Path(__file__).resolve().parents[2]


def write_sbom(root: Path, out: Path, licences: Licences | None = None) -> None:
    """Describe the lock in `root`; the same lock gives the same bytes.

    Raises ReleaseError when a component has no licence, or one that is not accepted, and CalledProcessError.
    """
    licences = licences or Licences.read()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / "sbom.json"
        program = Path(sys.executable).parent / "cyclonedx-py"
        options = ("--pyproject", root / "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", draft)
        subprocess.run([program, "requirements", *options, root / "requirements.lock"], check=True, capture_output=True)
        bill = json.loads(draft.read_text(encoding="utf-8"))
    components = bill["components"]
    components.extend(_taken(wheel, digest) for wheel, digest in sorted(licences.taken.items()))
    if problems := list(licences.problems([part["name"] for part in components])):
        raise ReleaseError("\n".join(problems))
    for part in components:
        part["licenses"] = as_cyclonedx(licences.of[part["name"]])
    out.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _taken(wheel: str, digest: str) -> dict[str, Any]:
    name, version = wheel.split("==")
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "bom-ref": purl,
        "type": "library",
        "name": name,
        "version": version,
        "purl": purl,
        "description": "A part of it is shipped; none of its Python runs.",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


if __name__ == "__main__":
    try:
        write_sbom(ROOT, Path(sys.argv[1]))
    except ReleaseError as error:
        sys.exit(str(error))
