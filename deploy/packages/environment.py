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
OF_THE_BUILD = tuple(f"*.dist-info/{name}" for name in ("RECORD", "direct_url.json", "uv_cache.json"))
"""Where and when an environment was made, also as hashes of scripts that name the folder; nothing loads it."""


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
    leave_out(folder / "lib" / f"python{PYTHON}" / "site-packages", (*UNNEEDED, *OF_THE_BUILD, *machine.unneeded))
    _leave_programs(folder, machine, Path("/") / home)
    compile_modules(tree, folder / "lib", "/")


def compile_modules(tree: Path, folder: Path, installed_in: str) -> None:
    """Compile the modules in `folder`, for a `tree` that will lie in `installed_in`. Raises ReleaseError.

    Nobody may write where they will lie, so that what is not compiled now would be compiled at each start.
    """
    # The hash instead of the time of a file: a package changes the times. By one process: what a compiled module has
    # depends on those that the process compiled before, and two share the modules in another way each time.
    compiled = ("-m", "compileall", "-q", "-j1", "--invalidation-mode", "unchecked-hash", "-s", tree)
    _run(INTERPRETER, *compiled, *(("-p", installed_in) if installed_in else ()), folder)


def leave_out(packages: Path, patterns: tuple[str, ...]) -> None:
    """Delete from the folder `packages` what the glob `patterns` name."""
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
