"""The environment of a program, as its package brings it: Debian's Python, the locked wheels, compiled once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from deploy.packages.machines import Machine
from deploy.packages.wheels import PYTHON, UV
from deploy.release.wheel import ReleaseError

INTERPRETER = Path(f"/usr/bin/python{PYTHON}")
UNNEEDED = ("**/*.pyi", "**/py.typed", "numpy/**/tests", "scipy/**/tests", "skimage/**/tests", "onnx/backend/test/data")
"""What no program loads; glob patterns within `site-packages`."""


def build_environment(machine: Machine, lock: Path, wheel: Path, tree: Path) -> None:
    """Install `lock` and `wheel` below `tree`, as they will lie in /usr/lib. Raises ReleaseError."""
    if not INTERPRETER.exists():
        raise ReleaseError(f"{INTERPRETER} is missing: the packages are built on the Debian that they are for")
    home = Path("usr/lib") / machine.package
    folder = tree / home
    _run(UV, "venv", "--quiet", "--no-project", "--python", INTERPRETER, folder)
    install = (UV, "pip", "install", "--quiet", "--link-mode", "copy", "--python", folder)
    _run(*install, "--only-binary", ":all:", "--require-hashes", "--requirement", lock)
    _run(*install, "--no-deps", "--no-index", wheel)
    for mark in (".gitignore", ".lock", "CACHEDIR.TAG"):
        (folder / mark).unlink(missing_ok=True)
    _leave_out(folder / "lib" / f"python{PYTHON}" / "site-packages", (*UNNEEDED, *machine.unneeded))
    _leave_programs(folder, machine, Path("/") / home)
    # Nobody may write there, so that what is not compiled now would be compiled at each start. The hash instead of the
    # time of a file: a package changes the times.
    compiled = ("-m", "compileall", "-q", "-j2", "--invalidation-mode", "unchecked-hash", "-s", tree, "-p", "/")
    _run(INTERPRETER, *compiled, folder / "lib")


def _leave_out(packages: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in list(packages.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def _leave_programs(folder: Path, machine: Machine, home: Path) -> None:
    """Leave of the programs the interpreter and ours, which takes nothing from the environment of who calls it."""
    programs = folder / "bin"
    for path in programs.iterdir():
        if not path.name.startswith("python"):
            path.unlink()
    (programs / "python").unlink()
    (programs / "python").symlink_to(INTERPRETER)
    module = machine.package.replace("-", ".")
    program = programs / machine.package
    program.write_text(f"#!{home}/bin/python -I\nfrom {module}.__main__ import main\n\nmain()\n")
    program.chmod(0o755)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command[:3]))} failed:\n{done.stdout}{done.stderr}")
