"""`make mutants`: takes each defence of docs/threat-model.md out of a copy of the code, and runs the tests that notice.

A mutant is killed by a test that fails with it and passes without. One whose tests pass survives, and the exit code is
1. The working tree is not touched. `build/mutants` has the copy and what pytest wrote. A run that was stopped goes on
when it is called again: `build/mutants.jsonl` has the verdicts, which count while nothing of them has changed.

    python -m tests.mutants [NAME...] [--all-tests] [--anew] [--list]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.mutants.catalogue import Mutant, MutantError, load
from tests.mutants.judging import Judged, Verdict, judge
from tests.mutants.scratch import Scratch
from tests.mutants.verdicts import Verdicts
from tests.support.repository import ROOT

BUILD: Final = ROOT / "build" / "mutants"
VERDICTS: Final = ROOT / "build" / "mutants.jsonl"
NICENESS: Final = 10
LOOK_S: Final = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge mutants, or show them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="Judge these only; --list shows them.")
    parser.add_argument("--all-tests", action="store_true", help="Run all of tests/adversarial where its tests pass.")
    parser.add_argument("--anew", action="store_true", help="Judge those too that were killed before.")
    parser.add_argument("--list", action="store_true", help="Print name, what is taken out and tests; judge none.")
    asked = parser.parse_args(arguments)
    rows = load()
    known = {one.name: one for row in rows for one in row.mutants}
    if unknown := set(asked.names) - known.keys():
        parser.error(f"There is no mutant {min(unknown)}; --list shows them")
    if asked.list:
        sys.stdout.writelines(f"{name}: {one.without}: {', '.join(one.killed_by)}\n" for name, one in known.items())
    else:
        return _judge([known[name] for name in asked.names or known], all_tests=asked.all_tests, anew=asked.anew)
    return 0


def _judge(mutants: Sequence[Mutant], *, all_tests: bool, anew: bool) -> int:
    os.nice(NICENESS)
    console = Console(soft_wrap=True)
    scratch = Scratch.of(ROOT, BUILD, Path(sys.prefix))
    verdicts = Verdicts(VERDICTS, scratch.root)
    found = {} if anew else verdicts.known(mutants)
    if found:
        console.print(f"{len(found)} of {len(mutants)} were killed before, by tests that have not changed")
    left = {one.name: one for one in mutants if one.name not in found}
    for judged in chain(_in_one_run(scratch, left), _one_by_one(scratch, left, found, all_tests=all_tests)):
        found[judged.name] = judged, verdicts.commit
        verdicts.keep(left[judged.name], judged)
        text = (
            f"{len(found):3} of {len(mutants)} {judged.verdict:9} {judged.seconds:4.0f} s  {judged.name}: {judged.said}"
        )
        console.print(Text(text))
    console.print(_table([found[one.name] for one in mutants]))
    survived = [one for one, _ in found.values() if one.verdict is not Verdict.KILLED]
    console.print(f"{len(found) - len(survived)} of {len(found)} killed")
    return int(bool(survived))


def _in_one_run(scratch: Scratch, mutants: Mapping[str, Mutant]) -> Iterator[Judged]:
    """Yield the verdicts of mutants that one run of pytest can judge."""
    if not mutants:
        return
    out = BUILD / "session.jsonl"
    out.touch()
    command = [str(scratch.python), "-m", "tests.mutants.session", str(out), *mutants]
    with (
        (BUILD / "session.txt").open("wb") as said,
        out.open("r", encoding="utf-8") as lines,
        subprocess.Popen(command, cwd=scratch.root, env=scratch.environment, stdout=said, stderr=said) as process,
    ):
        while process.poll() is None:
            yield from _read(lines)
            time.sleep(LOOK_S)
        yield from _read(lines)


def _read(lines: TextIO) -> Iterator[Judged]:
    for line in lines:
        told = json.loads(line)
        yield Judged(**{**told, "verdict": Verdict(told["verdict"])})


def _one_by_one(
    scratch: Scratch, mutants: Mapping[str, Mutant], found: Mapping[str, object], *, all_tests: bool
) -> Iterator[Judged]:
    """Yield the verdicts of the others, each of a process of its own."""
    for mutant in mutants.values():
        if mutant.name in found:
            continue
        try:
            judged, output = judge(scratch, mutant, all_tests=all_tests)
        except MutantError as error:
            judged, output = Judged(mutant.name, Verdict.BROKEN, 0.0, str(error)), ""
        (BUILD / f"{mutant.name}.txt").write_text(output, "utf-8")
        yield judged


def _table(found: Sequence[tuple[Judged, str]]) -> Table:
    table = Table("mutant", "verdict", "commit", "the test that failed, or what pytest said")
    for one, commit in found:
        killed = one.verdict is Verdict.KILLED
        table.add_row(one.name, one.verdict, commit, Text(one.said.partition(" - ")[0] if killed else one.said))
    return table


if __name__ == "__main__":
    sys.exit(main())
