"""Confined processes that read lists, forked: Python loads what they read with for a quarter of a second each time.

They are confined by the product's own code: see `confined_reader.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import IO, Any

from tests.support.repository import ROOT
from tests.support.tools.forked_process import ForkedProcess

READERS = "cekalwatch.server.watchlist.sources."
"""How the functions begin that read lists."""
CONFINED = "cekalwatch.program.confined."


class ForkedReader(ForkedProcess):
    """What `subprocess.Popen` is, as far as it is used for a confined process."""

    stdin: IO[bytes]
    stdout: IO[bytes]

    def __init__(self, limits: str, function: str, seconds: str, environment: Mapping[str, str]) -> None:
        """Start it with the words of the product's command."""
        loads = (f"{CONFINED}launcher", f"{CONFINED}worker", function.partition(":")[0])
        asked, asking = os.pipe()
        answering, answers = os.pipe()
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123  # a device
            files, words = (asked, answers, nothing.fileno()), [limits, function, seconds]
            try:
                super().__init__(
                    f"{__package__}.confined_reader", words, environment, files, sys.executable, ROOT, loads
                )
            finally:
                os.close(asked)
                os.close(answers)
        self.stdin, self.stdout = os.fdopen(asking, "wb"), os.fdopen(answering, "rb")

    def communicate(self) -> None:
        """Wait for its end."""
        self.wait()
        for pipe in (self.stdin, self.stdout):
            pipe.close()


def with_forked_readers(module: ModuleType) -> ModuleType:
    """Return what the pool of confined processes has of `subprocess`, where readers of lists are forked."""
    made = ModuleType(module.__name__)
    made.__dict__.update(module.__dict__, Popen=_popen)
    return made


def _popen(command: Sequence[str], *, env: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes] | ForkedReader:
    *_, function, seconds = command
    if not function.startswith(READERS):
        return subprocess.Popen(command, env=env, **options)
    limits = command[command.index("-c") + 2]
    return ForkedReader(limits, function, seconds, env)
