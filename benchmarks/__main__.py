"""`make bench`: runs the benchmarks, and puts what they measure into `benchmarks/results.json` and its page.

`make bench ARGS="recognition.detector_speed recognition.lfw"` runs some of them. Figures that are not measured stay as
they are, with the machine and the commit that they were measured on. `build/bench.json` has the newest figures of this
checkout alone, by name.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import MODULES, ON_REQUEST
from benchmarks.page import write_page
from benchmarks.results import Results

BENCH = Path("build/bench.json")


def keep(figures: Mapping[str, float], file: Path = BENCH) -> None:
    """Write figures beside those that the file has."""
    held = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({**held, **figures}, indent=2, sort_keys=True) + "\n", "utf-8")


def machine() -> str:
    """Describe the machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{os.cpu_count()} cores, {next(names, platform.processor())}, Python {python}"


def commit() -> str:
    """Return the commit that is measured, marked when it was changed since."""
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return described.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help=f"Some of: {', '.join(MODULES)}.")
    chosen = parser.parse_args(arguments).modules or [name for name in MODULES if name not in ON_REQUEST]
    if unknown := set(chosen) - set(MODULES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    console, failed = Console(), False
    measured = commit()
    table = Table("figure", "value")
    for name in chosen:
        console.rule(name)
        try:
            figures = importlib.import_module(f"benchmarks.{name}").measure()
        except (FileNotFoundError, pytest.skip.Exception) as error:  # what the tests bring skips by itself
            console.print(f"[red]not measured:[/red] {error}")
            failed = True
            continue
        # After each, so that a run that is ended keeps what it has.
        results = Results.read()
        results.take(name, figures, machine(), measured, f"{datetime.now(UTC):%Y-%m-%d}")
        results.write()
        write_page(results)
        keep(figures)
        for key, value in figures.items():
            table.add_row(key, f"{value:.4g}")
    console.print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
