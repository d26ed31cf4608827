"""From a camera's frame to the line on an officer's console, in the demonstration: three programs, one machine.

    python -m benchmarks.alerts.chain_latency

The demonstration raises few alerts (`chain.alerts_measured`), so the 95th percentile is the slowest of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from cekalwatch.program.errors import Exit
from deploy.demo.__main__ import main
from deploy.demo.run_folder import run_folder

RUNS = Path("build/bench/demo")
MODELS = Path("build/models")


def measure() -> dict[str, float]:
    """Return the demonstration's figures of the chain: latencies in milliseconds, bytes a passage."""
    with run_folder(RUNS) as folder:
        if main(Console(quiet=True), None, folder, MODELS) is not Exit.OK:
            raise RuntimeError(f"the demonstration did not raise the right alerts; see {folder}/logs")
        summary: dict[str, float] = json.loads((folder / "summary.json").read_text())
    return {name: round(value, 1) for name, value in summary.items() if name.startswith("chain.")}


if __name__ == "__main__":
    print(measure())
