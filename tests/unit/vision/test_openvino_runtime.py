"""What OpenVINO must not do to the program that computes with it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cekalwatch.vision.inference import Precision
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.openvino_runtime import OpenVinoSession
from tests.support.tools.packs import light_pack

SWITCHES = """
import os, signal, sys
from pathlib import Path
from cekalwatch.vision.inference import Precision
from cekalwatch.vision.openvino_runtime import OpenVinoSession

def opened():
    return OpenVinoSession(Path(sys.argv[1]), 1, Precision.F32)

signal.signal(signal.SIGTERM, lambda number, frame: print("stops in order"))
first = opened()
for _ in range(3):
    second = opened()
    del first
    first = second
    del second
del first
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_program_whose_networks_were_replaced_and_closed_bears_a_signal() -> None:
    """OpenVINO gives signals a stack of their own where the processor has AVX-512, and took away the one in use.

    In a process of its own, which it could end.
    """
    pack = load_pack(light_pack())
    network = pack.path(pack.recogniser.file)
    done = subprocess.run((sys.executable, "-c", SWITCHES, network), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stops in order\n", "")


@pytest.mark.slow
def test_threads_get_the_results_of_their_own_pictures() -> None:
    pack = load_pack(light_pack())
    session = OpenVinoSession(pack.path(pack.recogniser.file), 1, Precision.F32)
    (picture,) = session.get_inputs()
    shape = [side if isinstance(side, int) else 1 for side in picture.shape]
    each = [{picture.name: np.full(shape, value, np.float32)} for value in (0, 1)]
    wanted = [session.run(None, feeds)[0] for feeds in each]
    with ThreadPoolExecutor(2) as pool:
        for which, (found,) in enumerate(pool.map(lambda feeds: session.run(None, feeds), each * 200)):
            assert np.array_equal(found, wanted[which % 2])
