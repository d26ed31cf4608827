"""The four walks through the code that `docs/architecture.md` shows: which modules they pass, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path("docs/architecture.md")


@dataclass(frozen=True)
class Walk:
    """One way of data through the programs."""

    key: str
    title: str
    """Its heading on the page."""


WALKS: Final = (
    Walk("face", "A face, from the camera to the uplink"),
    Walk("capture", "A capture, from the servicer to its alert event"),
    Walk("event", "An event, from the log to the officer's window"),
    Walk("record", "A record, from its source to the gallery"),
)


def listed(root: Path, walk: Walk) -> list[str]:
    """Return the modules that the page of the checkout `root` lists for a walk, in order."""
    section = (root / PAGE).read_text("utf-8").split(f"### {walk.title}\n", 1)[1].split("\n### ", 1)[0]
    return re.findall(r"^\d+\. `(cekalwatch[\w.]+)`", section, re.MULTILINE)
