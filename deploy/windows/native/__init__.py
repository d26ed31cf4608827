"""Small programs of our own for Windows, in C: what Python cannot be there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.release.wheel import ReleaseError

COMPILER = "x86_64-w64-mingw32-gcc"
RESOURCES = "x86_64-w64-mingw32-windres"
FOLDER = Path(__file__).parent


def compiled(source: str, out: Path, *options: str) -> Path:
    """Compile a file of this folder to `out`, the same bytes each time, and return that. Raises ReleaseError."""
    # Otherwise the linker takes the time, and a number from the folder's name.
    linked = "-Wl,--no-insert-timestamp,--disable-auto-image-base"
    _run(COMPILER, "-O2", "-s", "-Wall", "-Werror", linked, "-o", out, FOLDER / source, *options)
    return out


def launcher(name: str, title: str, version: str, python: str, out: Path) -> Path:
    """Make in `out` the program `name`, which Windows calls `title` and which loads the library `python`; return it."""
    with TemporaryDirectory() as scratch:
        resource = Path(scratch) / "launcher.o"
        texts = {"TITLE": title, "FILE": name, "VERSION": version}
        # As the preprocessor passes texts on to the compiler of resources.
        given = [f'-D{key}=\\"{text}\\"' for key, text in texts.items()]
        _run(RESOURCES, *given, f"-DNUMBERS={version.replace('.', ',')},0", FOLDER / "launcher.rc", resource)
        known = (f'-DPYTHON=L"{python}"', f'-DAPPLICATION=L"{title.replace(" ", ".")}"')
        return compiled("launcher.c", out / name, str(resource), *known, "-municode", "-mwindows")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
