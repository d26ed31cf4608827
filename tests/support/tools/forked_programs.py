"""Programs of a stack, forked where a fork is what a start would be: see `forked_process.py`.

They are started, asked and ended as those of `subprocess` are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.demo import programs
from tests.support.tools.forked_process import ForkedProcess
from tests.support.tools.programs import run_program

PROGRAMS = {f"cekalwatch.{name}": name for name in ("server", "camera", "notifier")}
INTERPRETERS = {sys.executable}
"""Those whose programs are forked; a test may add the one of a version that it does not change any more."""


def _ours(command: Sequence[str | Path]) -> tuple[str, list[str]] | None:
    """Return the program that a command starts in one of the interpreters, and its arguments; None for any other."""
    python, *arguments = map(str, command)
    if python not in INTERPRETERS or arguments[:1] != ["-m"] or arguments[1] not in PROGRAMS:
        return None
    return PROGRAMS[arguments[1]], arguments[2:]


def completed(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Do what `subprocess.run` does for `answer_prompts`, and fork where it is one of ours."""
    if (ours := _ours(command)) is None:
        return subprocess.run(command, **options)  # noqa: PLW1510  # the caller says
    program, arguments = ours
    return run_program(program, *arguments, typed=options["input"], environment=options["env"], python=str(command[0]))


@contextmanager
def forked(*, servers: bool = True) -> Iterator[None]:
    """Fork programs for the time of the block; without servers where their memory counts: all modules are loaded."""

    def launch(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes] | ForkedProcess:
        return popen(command, **options) if servers or "serve" not in command else subprocess.Popen(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs.Program, "launch", staticmethod(launch))
        patch.setattr(programs, "complete", completed)
        yield


def popen(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes] | ForkedProcess:
    """Do what `subprocess.Popen` does for `Program`, and fork where it is one of ours."""
    if (ours := _ours(command)) is None:
        return subprocess.Popen(command, **options)
    program, arguments = ours
    assert options.pop("stdin") == subprocess.DEVNULL
    output, errors, environment = options.pop("stdout"), options.pop("stderr"), options.pop("env")
    assert options == {"start_new_session": True}
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device
        reading, writing = os.pipe() if output == subprocess.PIPE else (None, os.dup(output.fileno()))
        files = nothing.fileno(), writing, errors.fileno()
        forked = ForkedProcess(program, arguments, environment, files, str(command[0]))
        os.close(writing)
    forked.stdout = os.fdopen(reading, "rb") if reading is not None else None
    return forked
