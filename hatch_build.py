"""Build hook: generates the protobuf and gRPC stubs beside their .proto files, and compiles the texts for people.

What it makes is never committed. It is made for wheels and for editable installs alike.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GeneratedFilesHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its configuration type open
    """Runs protoc from grpcio-tools over `protos/`, and Babel over the catalogues of all packages."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Generate the files; raises an error that names the source when one is wrong."""
        _generate_stubs(Path(self.root) / "protos")
        for catalogue in sorted(Path(self.root).glob("*/cekalwatch/*/locale/*/LC_MESSAGES/*.po")):
            _compile_catalogue(catalogue)


def _generate_stubs(root: Path) -> None:
    """Write the stubs, typed with mypy-protobuf; raises RuntimeError with protoc's exit code."""
    from importlib.resources import files

    from grpc_tools import protoc

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


def _compile_catalogue(file: Path) -> None:
    """Write the .mo file beside a .po file; raises PoFileError."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with file.open("rb") as source:
        catalogue = read_po(source, abort_invalid=True)
    # Its header would have the time of this build, and two builds of the same texts would differ.
    catalogue.creation_date = catalogue.revision_date = datetime.fromtimestamp(0, UTC)
    with file.with_suffix(".mo").open("wb") as compiled:
        write_mo(compiled, catalogue)


def _program(name: str) -> str:
    """Find a program of this Python's environment, activated or not, or of an isolated build's path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if found := shutil.which(name, path=path):
        return found
    raise RuntimeError(f"{name} is missing; the build requires mypy-protobuf")
