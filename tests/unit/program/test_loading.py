"""What programs load before they need it: nothing that takes long, and nothing that only some of them use."""

import subprocess
import sys

import pytest


def loaded_with(module: str, looked_for: set[str]) -> set[str]:
    """Return which packages of those are there after a new process has imported the module."""
    code = f"import sys, cekalwatch.{module}; print(*{looked_for} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_command_of_a_server_waits_for_what_only_others_need() -> None:
    heavy = {"alembic", "cryptography", "cv2", "faiss", "grpc", "numpy", "onnxruntime", "pydantic", "sqlalchemy"}
    assert loaded_with("server.cli.app", heavy) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "unused"),
    [("server.app", {"onnx", "openpyxl"}), ("camera.app", set[str]()), ("notifier.app", set[str]())],
)
def test_what_a_program_may_never_use_is_loaded_when_it_does(module: str, unused: set[str]) -> None:
    """Traces without a collector need no OpenTelemetry."""
    assert loaded_with(module, unused | {"opentelemetry"}) == set()
