"""`make bench`: runs the benchmarks and writes `build/bench.json`, one flat object of figure names and numbers.

`make bench ARGS="recognition.detector_speed recognition.lfw"` runs some of them. Figures that were measured before stay
in the file until they are measured again; `build/bench.machine.json` beside it has the machine and the commit.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDERS = {
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
    "watchlist": ("sync", "sources", "imports", "service"),
    "ports": ("list_delay", "feed_costs"),
    "console": ("pages",),
    "camera": ("tracking", "load", "spool", "soak", "best_shot", "crops", "bytes"),
    "soak": ("port_peak",),
}
MODULES = tuple(f"{folder}.{name}" for folder, names in FOLDERS.items() for name in names)
HOURS_LONG = {"soak.port_peak"}
"""Only run when they are asked for by name."""
OUT = Path("build/bench.json")


def machine() -> dict[str, str | int | None]:
    """Describe the machine and the commit."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
    }


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def main() -> int:
    """Run what was asked for; 1 when a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"some of: {', '.join(MODULES)}")
    console = Console()
    figures: dict[str, float] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    failed = False
    chosen = parser.parse_args().modules or [name for name in MODULES if name not in HOURS_LONG]
    for name in chosen:
        console.rule(name)
        try:
            figures |= importlib.import_module(f"benchmarks.{name}").measure()
        except FileNotFoundError as error:
            console.print(f"[red]not measured:[/red] {error}")
            failed = True
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    OUT.with_suffix(".machine.json").write_text(json.dumps(machine(), indent=2) + "\n")
    table = Table("figure", "value")
    for key, value in sorted(figures.items()):
        table.add_row(key, f"{value:.4g}")
    console.print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
