"""The files of a program as they lie on a PC with Windows: Python, the locked wheels, their byte code, a command."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from deploy.bundle.wheels import install_wheels
from deploy.packages.environment import OF_THE_BUILD, UNNEEDED, compile_modules, leave_out
from deploy.packages.machines import Machine
from deploy.packages.wheels import PYTHON, System
from deploy.release.wheel import ReleaseError
from deploy.windows.imports import lacking
from deploy.windows.native import launcher
from deploy.windows.product import Product
from deploy.windows.python import EmbeddedPython

PACKAGES = Path("Lib/site-packages")
_SEARCHED = f"python{PYTHON.replace('.', '')}.zip\n.\nimport site\n"
"""Where the program's Python looks for modules: beside itself only, whatever an account or the registry says."""
_RUNTIME = ("msvcp140.dll", "msvcp140_1.dll", "vcruntime140.dll", "vcruntime140_1.dll")
"""Of Microsoft's C++ runtime, what the wheels import: all of one version, for the two that Python brings are older."""
_OF_THE_WHEELS = ("bin", "Scripts", "*140*.dll", "msvc_runtime.*")
"""Starters for this machine's Python, and where the wheel `msvc-runtime` puts what is moved, or not needed."""


def build_tree(
    product: Product, version: str, requirements: Path, python: EmbeddedPython, made_at: datetime, tree: Path
) -> None:
    """Write what is installed of `product` into the new folder `tree`; all files have the time `made_at`.

    `requirements` is the file beside the folder of wheels, as `fetch_wheels` makes it. Raises ReleaseError, also when a
    program needs a library that is neither there nor in Windows.
    """
    lay_out(product.machine, requirements, python, tree)
    launcher(product.program, product.title, version, f"python{PYTHON.replace('.', '')}.dll", tree)
    if missing := list(lacking(tree, tree / PACKAGES)):
        raise ReleaseError("\n".join(missing))
    compile_modules(tree, tree / PACKAGES, "")
    for path in tree.rglob("*"):
        os.utime(path, (made_at.timestamp(), made_at.timestamp()))


def lay_out(machine: Machine, requirements: Path, python: EmbeddedPython, tree: Path) -> None:
    """Write the same as `build_tree`, not compiled and with any times. Raises ReleaseError."""
    tree.mkdir(parents=True)
    python.unpack(tree)
    (tree / f"python{PYTHON.replace('.', '')}._pth").write_text(_SEARCHED, encoding="ascii")
    packages = tree / PACKAGES
    install_wheels(requirements, System.WINDOWS, packages)
    for name in _RUNTIME:
        # Beside the program, where each library finds it.
        if (file := packages / "Scripts" / name).exists():
            file.replace(tree / name)
    leave_out(packages, (*UNNEEDED, *OF_THE_BUILD, *_OF_THE_WHEELS, *machine.unneeded_on_windows))


def command_file(machine: Machine, registry_key: str) -> str:
    """Return the command `machine.package`, which starts the version that the registry names as installed."""
    module, kind = machine.package.replace("-", "."), machine.package.removeprefix("cekalwatch-")
    return (
        f'@for /f "tokens=2*" %%a in (\'reg query "HKLM\\{registry_key}" /v {kind} /reg:64 ^| find "REG_SZ"\') '
        f'do @"%%bpython.exe" -I -m {module} %*\r\n'
    )
