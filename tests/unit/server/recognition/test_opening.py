"""How an engine and a precision are chosen, and what is said when they cannot be had."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cekalwatch.server.recognition.engines import opening
from cekalwatch.server.recognition.engines.recogniser import NetworkRecogniser, RecogniserError
from cekalwatch.server.recognition.packs.installed import import_pack, open_engine
from cekalwatch.vision import openvino_runtime
from cekalwatch.vision.inference import Inference, InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import PackError, load_pack
from cekalwatch.vision.runtime import open_session
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_models

pytestmark = pytest.mark.usefixtures("as_shipped")  # which opens each engine anew

AUTO, F32, BF16 = Precision.AUTO, Precision.F32, Precision.BF16


def opened(engine: InferenceEngine, precision: Precision = AUTO) -> Inference:
    return open_engine(load_pack(light_pack()), 1, InferenceChoice(engine, precision)).inference


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # how Python marks what cannot be imported


def test_auto_takes_openvino_where_it_is_installed() -> None:
    assert opened(InferenceEngine.AUTO, F32) == Inference(InferenceEngine.OPENVINO, F32, batch=4)


def test_auto_takes_onnxruntime_where_openvino_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    assert opened(InferenceEngine.AUTO) == Inference(InferenceEngine.ONNXRUNTIME, F32, batch=1)


def test_openvino_that_is_named_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    with pytest.raises(PackError, match=r"pip install openvino, or set inference to onnxruntime"):
        opened(InferenceEngine.OPENVINO)


def test_cuda_that_is_named_and_missing_is_an_error() -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    with pytest.raises(PackError, match=r"without CUDA.*pip uninstall --yes onnxruntime.*cekalwatch\[cuda\]"):
        opened(InferenceEngine.CUDA)


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider'")
def test_a_gpu_that_onnxruntime_cannot_use_is_an_error_and_not_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime warns, and goes on with the processor."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(PackError, match="finds no GPU"):
        opened(InferenceEngine.CUDA)


@pytest.mark.parametrize("engine", [InferenceEngine.ONNXRUNTIME, InferenceEngine.CUDA])
def test_bf16_is_openvinos_alone(engine: InferenceEngine) -> None:
    with pytest.raises(PackError, match="f32 only"):
        opened(engine, BF16)


class TestPrecision:
    def test_auto_takes_what_the_processor_computes_faster(self) -> None:
        found = opened(InferenceEngine.OPENVINO)
        if not openvino_runtime.has_bf16():
            assert found.precision is F32
        # A processor that only imitates bf16 is slower with it.
        assert found.batch == opening.BATCHES[InferenceEngine.OPENVINO, found.precision]

    def test_a_processor_without_bf16_computes_in_f32(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(openvino_runtime, "has_bf16", lambda: False)
        assert opened(InferenceEngine.OPENVINO).precision is F32
        with pytest.raises(PackError, match="this processor has no bf16"):
            opened(InferenceEngine.OPENVINO, BF16)

    def test_templates_that_would_not_be_those_of_f32_are_not_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not openvino_runtime.has_bf16():
            pytest.skip("this processor has no bf16")
        monkeypatch.setattr(opening, "MIN_AGREEMENT", 1.1)
        assert opened(InferenceEngine.OPENVINO).precision is F32
        with pytest.raises(PackError, match=r"least cosine is 0\.99"):
            opened(InferenceEngine.OPENVINO, BF16)

    def test_the_drawn_faces_are_different_ones(self) -> None:
        faces = opening.drawn_faces(8)
        recogniser = open_engine(load_pack(light_pack()), 1).recogniser
        templates = recogniser.embed(faces)
        assert (templates @ templates.T - np.eye(8)).max() < 0.95
        assert np.array_equal(faces, opening.drawn_faces(8))


def test_a_pack_of_insightface_is_left_to_insightface(tmp_path: Path) -> None:
    pack = import_pack(shared_models() / "insightface-layout", tmp_path, "pack", "test data")
    found = open_engine(pack, 1, InferenceChoice(InferenceEngine.AUTO, AUTO)).inference
    assert found == Inference(InferenceEngine.ONNXRUNTIME, F32, batch=1)
    for choice in (InferenceChoice(InferenceEngine.OPENVINO, AUTO), InferenceChoice(InferenceEngine.AUTO, BF16)):
        with pytest.raises(PackError, match="Set inference to auto"):
            open_engine(pack, 1, choice)


@pytest.mark.parametrize("engine", [InferenceEngine.ONNXRUNTIME, InferenceEngine.OPENVINO])
def test_a_network_that_the_engine_cannot_load_is_named(engine: InferenceEngine, tmp_path: Path) -> None:
    pack = load_pack(light_pack())
    broken = tmp_path / pack.recogniser.file
    broken.write_bytes(pack.path(pack.recogniser.file).read_bytes()[:100_000])
    for file in pack.detector.files:
        (tmp_path / file).symlink_to(pack.path(file))
    with pytest.raises(PackError, match=broken.name.replace(".", r"\.")):
        open_engine(replace(pack, folder=tmp_path), 1, InferenceChoice(engine, AUTO))


def test_an_engine_that_fails_says_nothing_of_the_faces() -> None:
    """onnxruntime refuses an input of another type than the network's, as it refuses all when its GPU is gone."""
    pack = load_pack(light_pack())
    recogniser = NetworkRecogniser(pack, open_session(pack.path(pack.recogniser.file), 1))
    recogniser._input = "no such input"
    with pytest.raises(RecogniserError) as caught:
        recogniser.embed(np.zeros((1, 112, 112, 3), np.uint8))
    assert not caught.value.of_the_request
    assert "no such input" in caught.value.detail


def test_openvino_sends_no_report_when_it_is_loaded(tmp_path: Path) -> None:
    """It would write a number for this machine into the home folder, and report its use to a web service."""
    code = (
        "import socket, sys\n"
        "class Refused(socket.socket):\n"
        "    def connect(self, address): raise SystemExit(f'connects to {address}')\n"
        "socket.socket = Refused\n"
        "from cekalwatch.vision import openvino_runtime\n"
        "openvino_runtime.has_bf16()\n"
        "print([name for name in sys.modules if 'telemetry' in name and name.startswith('openvino')])\n"
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []
