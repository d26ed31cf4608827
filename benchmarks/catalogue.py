"""The benchmarks by folder, in the order in which the page shows them, and what each says of itself."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

FOLDERS: Final = {
    "recognition": (
        "detector_speed",
        "server_throughput",
        "many_cameras",
        "gallery",
        "server_start",
        "lfw",
        "precision",
        "evaluation",
        "fusion",
        "likeness",
        "enrolment_quality",
        "turned_pictures",
        "learned_threshold",
        "long_lists",
        "cohort",
        "accurate",
        "confined_crops",
    ),
    "alerts": (
        "chain_latency",
        "fanout",
        "cross_server",
        "paint",
        "start",
        "starvation",
        "morning",
        "failover",
        "promotion",
    ),
    "security": ("audit_verify", "tls", "decode_memory", "sign_in", "receipts", "scan_bombs", "floods"),
    "watchlist": ("sync", "sources", "imports", "service", "confinement"),
    "ports": ("list_delay", "feed_costs", "trail_growth"),
    "console": ("pages",),
    "camera": (
        "tracking",
        "crossing",
        "load",
        "spool",
        "soak",
        "best_shot",
        "covering",
        "crops",
        "bytes",
        "boxes",
        "snapshots",
    ),
    "soak": ("port_peak",),
}
MODULES: Final = tuple(f"{folder}.{name}" for folder, names in FOLDERS.items() for name in names)
HOURS_LONG: Final = frozenset({"soak.port_peak"})
"""Only run when they are asked for by name."""
ON_REQUEST: Final = HOURS_LONG | {
    "watchlist.confinement",
    "recognition.confined_crops",
    "ports.trail_growth",
    "camera.boxes",
    "camera.snapshots",
}
"""Left out of a run without names: these measure for one decision, which was taken."""


def method(module: str) -> str:
    """Return how a benchmark measures: the documentation of its module, which is not loaded for it."""
    file = (Path(__file__).parent / module.replace(".", "/")).with_suffix(".py")
    return ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
