"""Build hook: generates the protobuf and gRPC stubs beside their .proto files.

The stubs are never committed. They are made for wheels and for editable installs alike, and typed with mypy-protobuf.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its configuration type open
    """Runs protoc from grpcio-tools over `protos/`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Generate the stubs; raises RuntimeError with protoc's exit code when a .proto file is wrong."""
        from importlib.resources import files

        from grpc_tools import protoc

        root = Path(self.root) / "protos"
        sources = sorted(str(path) for path in root.glob("cekalwatch/v1/*.proto"))
        arguments = [
            "protoc",
            f"-I{root}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={root}",
            f"--grpc_python_out={root}",
            f"--mypy_out=quiet:{root}",
            f"--mypy_grpc_out=quiet:{root}",
            *(f"--plugin={name}={_program(name)}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")),
            *sources,
        ]
        if code := protoc.main(arguments):
            raise RuntimeError(f"protoc ended with exit code {code}; see its messages above")


def _program(name: str) -> str:
    """Find a program of this Python's environment, activated or not, or of an isolated build's path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if found := shutil.which(name, path=path):
        return found
    raise RuntimeError(f"{name} is missing; the build requires mypy-protobuf")
