"""Fuzzes one target with atheris, from the corpus on: `python -m tests.fuzz convert --seconds 300`.

Finds go to `build/fuzz/TARGET`: new inputs that reach new code, and `crash-…`, `timeout-…` or `oom-…` for what must be
mended. It ends with the number of executions, and what the process's memory was after a tenth of them and at the end.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import atheris
import structlog

with atheris.instrument_imports(
    include=["cekalwatch", "PIL", "openpyxl", "tests.fuzz.targets"],
    exclude=["cekalwatch.v1"],
    enable_loader_override=False,
):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import CORPUS

BUILD = Path("build/fuzz")
MAX_BYTES = {"convert": 4096, "pictures": 8192, "watchlist": 4096, "page": 4096, "spreadsheet": 8192}
SLOW_S = 10
MAX_MB = 1500


def main() -> None:
    """Fuzz; the exit code is not 0 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300)
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found = BUILD / chosen.target
    found.mkdir(parents=True, exist_ok=True)
    options = [
        *(str(found), str(CORPUS / chosen.target)),
        f"-max_total_time={chosen.seconds}",
        f"-max_len={MAX_BYTES[chosen.target]}",
        f"-timeout={SLOW_S}",
        f"-rss_limit_mb={MAX_MB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options], TARGETS[chosen.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
