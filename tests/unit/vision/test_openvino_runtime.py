"""What OpenVINO must not do to the program that computes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cekalwatch.vision.inference import Precision
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.openvino_runtime import OpenVinoSession
from cekalwatch.vision.runtime import ModelError
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


@pytest.fixture
def network(tmp_path: Path) -> Path:
    pack = load_pack(light_pack())
    return Path(shutil.copy(pack.path(pack.recogniser.file), tmp_path / "network.onnx"))


def of_two_callers(session: OpenVinoSession) -> list[NDArray[np.float32]]:
    """The results of two calls, the second of which begins while the first still computes."""
    (picture,) = session.get_inputs()
    feeds = {picture.name: np.ones([side if isinstance(side, int) else 1 for side in picture.shape], np.float32)}
    (first,) = session.run(None, feeds)
    held = session._free.pop()  # as a caller that computes
    (second,) = session.run(None, feeds)
    session._free.append(held)
    return [first, second]


def test_another_caller_computes_with_the_same_network_when_another_pack_has_taken_its_place(network: Path) -> None:
    session = OpenVinoSession(network, 1, Precision.F32)
    other = network.with_name("other.onnx")
    other.write_bytes(b"another network")
    other.replace(network)
    first, second = of_two_callers(session)
    assert np.array_equal(first, second)


def test_a_network_that_was_changed_in_its_place_is_not_computed_with(network: Path) -> None:
    session = OpenVinoSession(network, 1, Precision.F32)
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(ModelError, match="was changed"):
        of_two_callers(session)


@pytest.mark.parametrize("content", [None, b"no network"], ids=["missing", "damaged"])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "network.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError, match=str(file)):
        OpenVinoSession(file, 1, Precision.F32)
