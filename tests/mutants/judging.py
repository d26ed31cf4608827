"""Runs the tests of a mutant in a process of its own, and says what came of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.mutants.catalogue import Mutant
from tests.mutants.scratch import Scratch

LIMIT_S: Final = 420.0
"""How long the tests of one mutant may take together."""
ALL_TESTS_S: Final = 7200.0
ENDS_S: Final = 10.0
_FAILED: Final = re.compile(
    r"^(?:(?:SUB)?FAILED\S* (?:\(.*?\) )?|=+ personal data in logs =+\n)(tests/.*)$", re.MULTILINE
)
"""A test that failed, or one whose logs name a person, for which `tests/conftest.py` fails the run."""
_ERROR: Final = re.compile(r"^ERROR (tests/.*)$", re.MULTILINE)
_AFTER: Final = re.compile(r"^_+ ERROR at teardown of ", re.MULTILINE)
"""What is looked at after a test, such as the memory that it took; one that could not be set up kills nothing."""
_TIMED_OUT: Final = "from pytest-timeout"
_ALL_PASSED: Final = 0
_SOME_FAILED: Final = 1


class Verdict(StrEnum):
    """What the tests said of a mutant."""

    KILLED = "killed"
    """One failed, which does not fail in the code as it is."""
    SURVIVED = "SURVIVED"
    """All passed."""
    TIMED_OUT = "TIMED OUT"
    """One did not end, which says nothing: what was taken out was no limit of time."""
    BROKEN = "BROKEN"
    """They could not run, or fail in the code as it is."""


@dataclass(frozen=True)
class Judged:
    """A mutant with its verdict."""

    name: str
    verdict: Verdict
    seconds: float
    said: str
    """The test that failed first and why, or why there is no verdict."""


@dataclass(frozen=True)
class _Tested:
    code: int | None
    """pytest's exit code; None when the run took too long."""
    failed: str
    """The first test that failed and why, in pytest's words."""
    output: str

    @property
    def said(self) -> str:
        error = _ERROR.search(self.output)
        return self.failed or (error[0] if error else " ".join(self.output.splitlines()[-2:]))


def failing_verdict(mutant: Mutant, why: str) -> Verdict:
    """Return the verdict of a test that fails for that reason, and does not fail in the code as it is."""
    return Verdict.TIMED_OUT if _TIMED_OUT in why and not mutant.by_timeout else Verdict.KILLED


def judge(scratch: Scratch, mutant: Mutant, *, all_tests: bool = False) -> tuple[Judged, str]:
    """Take the defence out, run its tests, and put it back; return the verdict and pytest's output.

    With `all_tests` the attacks run too if its own tests pass. Raises MutantError.
    """
    begun_s = time.monotonic()
    with scratch.without(mutant):
        tested = _run(scratch, mutant.killed_by)
        if all_tests and tested.code == _ALL_PASSED:
            tested = _run(scratch, ["adversarial"], ALL_TESTS_S)
    verdict = _verdict(mutant, tested)
    if verdict is Verdict.KILLED and tested.failed and _run(scratch, [_named(tested.failed)]).code != _ALL_PASSED:
        verdict = Verdict.BROKEN
    return Judged(mutant.name, verdict, time.monotonic() - begun_s, tested.said), tested.output


def _verdict(mutant: Mutant, tested: _Tested) -> Verdict:
    if tested.code is None:
        return failing_verdict(mutant, _TIMED_OUT)
    if tested.code == _ALL_PASSED:
        return Verdict.SURVIVED
    return failing_verdict(mutant, tested.failed) if tested.code == _SOME_FAILED and tested.failed else Verdict.BROKEN


def _named(failed: str) -> str:
    """Return the name of a test, below `tests`, of what pytest says of it."""
    return re.sub(r" - .*", "", failed).removeprefix("tests/")


def _run(scratch: Scratch, tests: Sequence[str], limit_s: float = LIMIT_S) -> _Tested:
    """Run tests, which are named below `tests`, up to the first that fails."""
    command = [
        *(str(scratch.python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not exhaustive"),
        *(f"tests/{one}" for one in tests),
    ]
    with (scratch.root.parent / "output").open("w+b") as output:
        process = subprocess.Popen(
            command,
            cwd=scratch.root,
            env=scratch.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
        finally:
            try:
                process.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    failed = _FAILED.search(text) or (_ERROR.search(text) if _AFTER.search(text) else None)
    return _Tested(code, failed[1] if failed else "", text)
