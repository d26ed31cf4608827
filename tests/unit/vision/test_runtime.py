from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from cekalwatch.vision.runtime import ModelError, limit_native_threads, open_session, session_options


def test_sessions_get_exactly_the_threads_that_they_are_given():
    options = session_options(3)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    with pytest.raises(ValueError, match="at least 1"):
        session_options(0)


def test_a_file_that_is_no_network_is_named(tmp_path: Path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        open_session(path, 1)


def test_opencv_keeps_to_the_budget():
    before = cv2.getNumThreads()
    try:
        limit_native_threads(1)
        assert cv2.getNumThreads() == 1
    finally:
        limit_native_threads(before)


def test_telemetry_is_off_before_onnxruntime_loads():
    code = "import os, cekalwatch.vision.runtime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "1"


def test_faces_load_without_insightface_or_the_server():
    code = (
        "import sys, cekalwatch.vision.detectors.factory, cekalwatch.vision.quality\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('insightface', 'faiss', 'grpc', 'onnx', 'sqlmodel')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
