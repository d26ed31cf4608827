"""The files of a program as they lie on a PC with Windows: Python, the locked wheels, their byte code, a command."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from deploy.bundle.wheels import install_wheels
from deploy.packages.environment import OF_THE_BUILD, UNNEEDED, compile_modules, leave_out
from deploy.packages.machines import Machine
from deploy.packages.wheels import PYTHON, System
from deploy.windows.python import EmbeddedPython

PACKAGES = Path("Lib/site-packages")
_SEARCHED = f"python{PYTHON.replace('.', '')}.zip\n.\nimport site\n"
"""Where the program's Python looks for modules: beside itself only, whatever an account or the registry says."""


def build_tree(machine: Machine, requirements: Path, python: EmbeddedPython, made_at: datetime, tree: Path) -> None:
    """Write what is installed for `machine` into the new folder `tree`; all files have the time `made_at`.

    `requirements` is the file beside the folder of wheels, as `fetch_wheels` makes it. Raises ReleaseError.
    """
    tree.mkdir(parents=True)
    python.unpack(tree)
    (tree / f"python{PYTHON.replace('.', '')}._pth").write_text(_SEARCHED, encoding="ascii")
    packages = tree / PACKAGES
    install_wheels(requirements, System.WINDOWS, packages)
    # Starters for this machine's Python, and what the installation of Python itself would bring.
    shutil.rmtree(packages / "bin", ignore_errors=True)
    leave_out(packages, (*UNNEEDED, *OF_THE_BUILD, *machine.unneeded_on_windows))
    compile_modules(tree, packages, "")
    for path in tree.rglob("*"):
        os.utime(path, (made_at.timestamp(), made_at.timestamp()))


def command_file(machine: Machine, registry_key: str) -> str:
    """Return the command `machine.package`, which starts the version that the registry names as installed."""
    module, kind = machine.package.replace("-", "."), machine.package.removeprefix("cekalwatch-")
    return (
        f'@for /f "tokens=2*" %%a in (\'reg query "HKLM\\{registry_key}" /v {kind} /reg:64 ^| find "REG_SZ"\') '
        f'do @"%%bpython.exe" -I -m {module} %*\r\n'
    )
