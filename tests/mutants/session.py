"""Judges mutants in one run of pytest, which has loaded the tests: `python -m tests.mutants.session OUT NAME...`.

Each mutant is judged by a fork of this process. Its file is changed for that time, for programs that are started and
modules that are not loaded yet, and so are its functions that are. What that does not suffice for is left to a process
of its own, and so is a mutant that survives here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Final

import cv2
import pytest

from tests.mutants.catalogue import Mutant, load
from tests.mutants.judging import LIMIT_S, Judged, Verdict, failing_verdict
from tests.mutants.patching import patch
from tests.mutants.scratch import Scratch
from tests.support.repository import ROOT

LEFT: Final = 9
"""Exit code of a fork that cannot judge its mutant."""
LOADED_ELSEWHERE: Final = "forked_programs"
"""A fixture with which programs are forked from a process that has loaded the code."""


class Forks:
    """Runs the tests of each mutant in a fork."""

    def __init__(self, mutants: Sequence[Mutant], out: Path) -> None:
        self._mutants = mutants
        self._out = out
        self._failed: list[tuple[str, str]] = []
        self._passes: dict[str, bool] = {}
        """Whether tests pass in the code as it is."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all, in place of running the tests once."""
        for one in self._mutants:
            items = [item for item in session.items if any(_is_of(item.nodeid, test) for test in one.killed_by)]
            if judged := self._judged(one, items):
                with self._out.open("a") as out:
                    out.write(json.dumps(asdict(judged)) + "\n")
        return True

    def _judged(self, mutant: Mutant, items: list[pytest.Item]) -> Judged | None:
        """Return the verdict; None where it takes a process of its own."""
        if not items or any(LOADED_ELSEWHERE in getattr(item, "fixturenames", ()) for item in items):
            return None
        begun_s = time.monotonic()
        code, told = self._forked(mutant, items)
        if code != pytest.ExitCode.TESTS_FAILED or not told:
            return None
        killer, why = json.loads(told)
        said = f"{killer} - {why}"
        if killer not in self._passes:
            alone = [item for item in items if item.nodeid == killer]
            self._passes[killer] = self._forked(None, alone)[0] == pytest.ExitCode.OK
        if not self._passes[killer]:
            return Judged(mutant.name, Verdict.BROKEN, time.monotonic() - begun_s, f"fails without it too: {said}")
        return Judged(mutant.name, failing_verdict(mutant, why), time.monotonic() - begun_s, said)

    def _forked(self, mutant: Mutant | None, items: list[pytest.Item]) -> tuple[int, str]:
        told, telling = os.pipe()
        with Scratch(ROOT).without(mutant) if mutant else nullcontext():
            if not (child := os.fork()):
                os.close(told)
                self._run(mutant, items, telling)
            os.close(telling)
            with os.fdopen(told, errors="replace") as said:
                return _ended(child), said.read()

    def _run(self, mutant: Mutant | None, items: list[pytest.Item], telling: int) -> None:
        code = LEFT
        try:
            os.setsid()
            if mutant is None or _patched(mutant):
                for item in items:
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                    if self._failed:
                        break
                os.write(telling, json.dumps(self._failed[0]).encode() if self._failed else b"")
                code = pytest.ExitCode.TESTS_FAILED if self._failed else pytest.ExitCode.OK
        except BaseException:  # noqa: BLE001  # whatever it is, the fork must not go on as the whole run
            traceback.print_exc()
        finally:
            os._exit(code)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that failed; one that could not be set up kills nothing."""
        if report.failed and report.when == "call":
            crash = getattr(report.longrepr, "reprcrash", None)
            self._failed.append((report.nodeid, str(getattr(crash, "message", ""))[:200]))


def _patched(mutant: Mutant) -> bool:
    if not mutant.file.endswith(".py"):
        return True
    file = ROOT / mutant.file
    return patch(file, file.with_name(f"{file.name}.kept").read_text("utf-8"), file.read_text("utf-8"))


def _ended(child: int) -> int:
    """Return the exit code of a fork, which is killed where it takes too long."""
    until_s = time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return LEFT


def _is_of(nodeid: str, test: str) -> bool:
    return nodeid == f"tests/{test}" or nodeid.startswith((f"tests/{test}[", f"tests/{test}::"))


def main(out: Path, names: Sequence[str]) -> int:
    """Judge these mutants in the tree of this file."""
    cv2.setNumThreads(1)  # a fork cannot end the threads of OpenCV that the process had
    mutants = [one for row in load() for one in row.mutants if one.name in names]
    tests = sorted({f"tests/{test}" for one in mutants for test in one.killed_by})
    options = ["-q", "-p", "no:cacheprovider", "-m", "not exhaustive"]
    return int(pytest.main([*options, *tests], plugins=[Forks(mutants, out)]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
