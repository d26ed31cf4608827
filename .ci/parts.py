"""The long parts of the tests that are due: what they test changed since they were last green, and there is time.

`python .ci/parts.py MINUTES` prints those that CI is to run when MINUTES are left; stderr says why others are left out.
`python .ci/parts.py --run PART` runs one as `make PART`; if it is green, writes that to `.ci/green.json` (commit it).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypedDict

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / ".ci" / "green.json"
UNKNOWN_MINUTES: Final = 20.0
"""Of a part that nobody has seen green."""
SLOWER: Final = 1.5
"""How much slower than a developer's machine CI may be."""
_EVERY: Final = ("requirements.lock", "pyproject.toml", "hatch_build.py")
_STORAGE: Final = "server/cekalwatch/server/storage"
PARTS: Final[Mapping[str, Sequence[str]]] = {
    "test-windows": (*_EVERY, "deploy/windows", "tests/windows", "common/cekalwatch/program/platform"),
    "packages-test": (*_EVERY, "deploy/packages", "tests/packaging/debian", f"{_STORAGE}/migrations"),
    "trial": (*_EVERY, "deploy/packages", "tests/packaging/debian", "docs/two-ports.md"),
    "chaos": (*_EVERY, "benchmarks/chaos", _STORAGE, "camera_client/cekalwatch/camera/outbox"),
}
"""By the target of `make`, shortest first: the paths that decide whether it is due."""


class Green(TypedDict):
    """When a part was last seen green."""

    inputs: str
    minutes: float


def inputs(part: str, root: Path = ROOT) -> str:
    """Return a digest of the committed files that decide whether a part is due."""
    listed = subprocess.run(["git", "ls-tree", "-r", "HEAD", *PARTS[part]], cwd=root, capture_output=True, check=True)
    return hashlib.sha256(listed.stdout).hexdigest()[:16]


def due(left: float, known: Mapping[str, Green], now: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the parts to run within `left` minutes, and why each other is left out. `now`: the inputs of each part."""
    run, out = list[str](), dict[str, str]()
    for part, digest in now.items():
        green = known.get(part)
        minutes = SLOWER * (green["minutes"] if green else UNKNOWN_MINUTES)
        if green and green["inputs"] == digest:
            out[part] = "nothing that it tests changed since it was green"
        elif minutes > left:
            out[part] = f"it may take {minutes:.0f} minutes, and {left:.0f} are left"
        else:
            run.append(part)
            left -= minutes
    return run, out


def main(arguments: Sequence[str]) -> int:
    """Print what is due, or run a part."""
    known: dict[str, Green] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    match arguments:
        case ["--run", part] if part in PARTS:
            begun_s = time.monotonic()
            if code := subprocess.run(["make", part], cwd=ROOT, check=False).returncode:
                return code
            known[part] = {"inputs": inputs(part), "minutes": round((time.monotonic() - begun_s) / 60, 1)}
            FILE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
        case [left]:
            run, out = due(float(left), known, {part: inputs(part) for part in PARTS})
            sys.stderr.writelines(f"{part} is left out: {why}\n" for part, why in out.items())
            sys.stdout.write(" ".join(run) + "\n")
        case _:
            sys.stderr.write(f"{__doc__}\nThe parts: {', '.join(PARTS)}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
