"""The four walks through the code that `docs/architecture.md` shows: which modules they pass, in order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

PAGE: Final = Path("docs/architecture.md")
_STEPS: Final = re.compile(r"^\d+\. .*(?:\n {3}.*)*\n?", re.MULTILINE)


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


def with_steps(page: str, passed: Mapping[str, Sequence[str]]) -> str:
    """Return the page with the modules that each walk passes, by its key; what else is said of a walk stays.

    A module is described where it comes first.
    """
    described: set[str] = set()
    for walk in WALKS:
        before, rest = page.split(f"### {walk.title}\n", 1)
        section, _, following = rest.partition("\n### ")
        words = _STEPS.sub("", section).strip("\n")
        steps = "\n".join(
            f"{number}. `{name}`" + ("" if name in described else f": {_first_line(name)}")
            for number, name in enumerate(passed[walk.key], 1)
        )
        described.update(passed[walk.key])
        parts = [part for part in (words, steps) if part]
        page = f"{before}### {walk.title}\n\n" + "\n\n".join(parts) + "\n"
        if following:
            page += f"\n### {following}"
    return page


def _first_line(name: str) -> str:
    """Return the first sentence of what a module says of itself, or as much of it as is on its first line."""
    documentation = import_module(name).__doc__ or ""
    return documentation.strip().splitlines()[0].split(". ")[0].rstrip(".:;,") if documentation.strip() else ""
