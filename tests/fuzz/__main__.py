"""Fuzzes targets with atheris, from the corpus on: `python -m tests.fuzz convert --seconds 300`.

Several are fuzzed one after another, each in a process of its own, and their modules are instrumented once.
Finds go to `build/fuzz/TARGET`: new inputs that reach new code, and `crash-…`, `timeout-…` or `oom-…` for what must be
mended; an input that costs more than its target allows is a crash with CostlyInput. It ends with the number of
executions, and what the process's memory was after a tenth of them and at the end.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import atheris
import structlog

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.der_changes import DerChanges
from tests.fuzz.limits import Target

CORPUS = Path(__file__).parent / "corpus"
BUILD = Path("build/fuzz")
HANGING_S = 10
"""Time of an input that waits for something, and costs nothing."""
MAX_MB = 1500
"""Of the whole process: what leaks a little with each input is found by it."""


def main() -> None:
    """Fuzz; the exit code is not 0 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"Of: {', '.join(TARGETS)}.")
    parser.add_argument("--list", action="store_true", help="Print the names of the targets.")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--runs", type=int, default=-1, help="End after so many inputs; -1: after the seconds.")
    parser.add_argument("--seed", type=int, default=0, help="The same inputs each time; 0: others each time.")
    parser.add_argument(
        "--unguided", action="store_true", help="Instrument only the targets, and change any seed: it takes 20 s less."
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"There is no target {min(unknown)}; --list shows them")
    if chosen.list or not chosen.targets:
        sys.stdout.write("\n".join(TARGETS) + "\n")
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with atheris.instrument_imports(
        include=["tests.fuzz", *(() if chosen.unguided else ("cekalwatch", "PIL", "openpyxl"))],
        enable_loader_override=False,
    ):
        takes = {name: TARGETS[name].load() for name in chosen.targets}
    limits = [f"-max_total_time={chosen.seconds}", f"-runs={chosen.runs}", f"-seed={chosen.seed}"]
    if chosen.unguided:
        limits += ["-keep_seed=1", "-reduce_inputs=0"]  # else it forgets what is not seen to reach more
    for name, take in takes.items():
        # The last one too: libFuzzer takes the peak of the process that started this one for its own.
        if not (process := os.fork()):
            fuzz(name, take, limits)
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it, and it ends by itself
        _, status = os.waitpid(process, 0)
        signal.signal(signal.SIGINT, handler)
        if status:
            sys.exit(os.waitstatus_to_exitcode(status))


def fuzz(name: str, take: Target, limits: Sequence[str]) -> NoReturn:
    """Fuzz one target until a limit is reached or something is found, and end the process."""
    sys.stderr.write(f"Fuzzing {name}\n")
    sys.stderr.flush()
    found = BUILD / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        *(str(found), str(CORPUS / name)),
        *limits,
        f"-max_len={TARGETS[name].max_bytes}",
        f"-timeout={HANGING_S}",
        f"-rss_limit_mb={MAX_MB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
    ]
    made = {}
    if TARGETS[name].der:
        changes = DerChanges(file.read_bytes() for file in sorted((CORPUS / name).iterdir()))
        made["custom_mutator"] = lambda data, most, number: changes.changed(data, most, number, atheris.Mutate)
    atheris.Setup([sys.argv[0], *options], take, **made)
    atheris.Fuzz()
    sys.exit()


if __name__ == "__main__":
    main()
