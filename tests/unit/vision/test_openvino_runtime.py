"""What OpenVINO must not do to the program that computes with it: in a process of its own, which it could end."""

from __future__ import annotations

import subprocess
import sys

from cekalwatch.vision.manifest import load_pack
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
    """OpenVINO gives signals a stack of their own where the processor has AVX-512, and took away the one in use."""
    pack = load_pack(light_pack())
    network = pack.path(pack.recogniser.file)
    done = subprocess.run((sys.executable, "-c", SWITCHES, network), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stops in order\n", "")
