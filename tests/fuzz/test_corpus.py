"""What fuzzing has found worth keeping, once more: each input comes to what is allowed, and costs little."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.fuzz.catalogue import TARGETS
from tests.fuzz.limits import CostlyInput, bounded
from tests.fuzz.seeds import CORPUS
from tests.support.repository import ROOT

BUSY = 5
"""A machine that does other work takes so many times longer at most."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_comes_to_what_is_allowed_and_costs_little(name: str) -> None:
    take, inputs = TARGETS[name].load(patience=BUSY), sorted((CORPUS / name).iterdir())
    assert len(inputs) >= 4
    for file in inputs:
        take(file.read_bytes())


def test_an_input_that_takes_long_is_a_find() -> None:
    def slow(_: bytes) -> None:
        sum(range(100_000))

    with pytest.raises(CostlyInput, match="3 bytes took"):
        bounded(slow, 0.0, 100)(b"abc")


TOO_LARGE = """
from tests.fuzz.limits import bounded

def large(data: bytes) -> None:
    bytearray(b"x") * (len(data) << 20)

bounded(large, 60.0, 100)(bytes(80))
bounded(large, 60.0, 20)(bytes(50))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the memory is forgotten on Linux only")
def test_an_input_that_takes_much_memory_is_a_find_though_it_is_given_back_and_others_took_more() -> None:
    """In a process of its own: in this one, what an earlier test leaves may be freed in the meantime, and hide it."""
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert re.search(r"CostlyInput: 50 bytes took .* and 5\d MB", done.stderr), done.stderr


STARTED_BY_A_LARGE_ONE = """
import os, sys

bytearray(b"x") * (1600 << 20)
os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz", *sys.argv[1:]])
"""
"""What the process that started it took is no find, such as a worker of these tests, which takes more than one may."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="atheris is for Linux")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_the_first_inputs_of_fuzzing_find_nothing_in_whatever_process_began_them(runs: int) -> None:
    """The same ones each time: what chance finds is for `make fuzz`, and must not stop somebody else's work.

    A hundred are changed inputs of the corpus; the thousand are led by what those before them reached, too.
    """
    led = () if runs > 100 else ("--unguided",)
    options = (*TARGETS, "--seconds", "60", "--runs", str(runs), "--seed", "1", *led)
    command = [sys.executable, "-c", STARTED_BY_A_LARGE_ONE, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840)
    assert done.returncode == 0, done.stderr[-4000:]
    for name in TARGETS:
        told = done.stderr.partition(f"Fuzzing {name}\n")[2].partition("Fuzzing ")[0]
        assert "stat::number_of_executed_units" in told, name
