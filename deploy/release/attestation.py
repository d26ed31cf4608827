"""Says of a release what it is and from what it was built: an in-toto statement with SLSA's provenance (v1).

Its level is SLSA Build L1, and it says so (https://slsa.dev/spec/v1.0/levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.release.wheel import sha256

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "cekalwatch:make-release:1"
LEVEL = "SLSA_BUILD_LEVEL_1"
WHY_NOT_HIGHER = (
    "A maintainer's machine builds and writes this statement; no hosted platform does, as level 2 asks for. "
    "The signature over SHA256SUMS covers it. Whoever has the commit can build again and compare: make verify-build."
)


@dataclass(frozen=True)
class Origin:
    """From what a release was built."""

    commit: str
    """Of git, hexadecimal."""
    epoch: int
    """The commit's time, seconds since 1970: that of every file in the wheel."""
    python: str
    audited_at: datetime
    """When the list of vulnerabilities was asked about every locked package, and named none."""


def statement(origin: Origin, subjects: Sequence[Path], lock: Path) -> dict[str, Any]:
    """Return the statement on the files `subjects`, as JSON has it."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": file.name, "digest": {"sha256": sha256(file)}} for file in subjects],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"commit": origin.commit, "SOURCE_DATE_EPOCH": origin.epoch},
                "internalParameters": {"python": origin.python, "builds": 2},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": origin.commit}},
                    {"name": lock.name, "digest": {"sha256": sha256(lock)}},
                ],
            },
            "runDetails": {
                "builder": {"id": BUILD_TYPE},
                # Names of our own have a prefix, as the specification wants.
                "metadata": {
                    "cekalwatch_vulnerabilitiesAskedOn": origin.audited_at.isoformat(timespec="seconds"),
                    "cekalwatch_buildLevel": LEVEL,
                    "cekalwatch_whyNotHigher": WHY_NOT_HIGHER,
                },
            },
        },
    }
