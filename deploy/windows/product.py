"""The programs that have an installer for Windows, and what identifies each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from cekalwatch.program.platform.places import PROGRAMS
from deploy.packages.machines import MACHINES, Machine

REGISTRY_KEY = r"Software\Cekalwatch"
"""Below HKLM; its values `notifier` and `camera` are the folders of the installed versions."""
_FAMILY = UUID("5b0c7a56-0d0d-4a36-9f3e-0a6d6f9c1b21")
"""From which all codes are derived: an upgrade finds what it replaces by them, so that they never change."""


@dataclass(frozen=True)
class Product:
    """One installer."""

    machine: Machine
    title: str
    """In the list of installed apps."""
    max_mb: int
    """How large the installer may be."""

    @property
    def kind(self) -> str:
        """Short name of the program, as in its settings file."""
        return self.machine.package.removeprefix("cekalwatch-")

    @property
    def program(self) -> str:
        """Name of the program's file, by which Windows knows it."""
        return PROGRAMS[self.kind]

    @property
    def module(self) -> str:
        """The Python module that is the program."""
        return self.machine.package.replace("-", ".")

    def code(self, *parts: str) -> str:
        """Return the GUID of a part, without braces; one without `parts` is the upgrade code of all versions."""
        return str(uuid5(_FAMILY, "/".join((self.machine.package, *parts)))).upper()


_BY_PACKAGE = {machine.package: machine for machine in MACHINES}
NOTIFIER = Product(_BY_PACKAGE["cekalwatch-notifier"], "Cekalwatch", 70)
CAMERA = Product(_BY_PACKAGE["cekalwatch-camera"], "Cekalwatch camera", 110)
PRODUCTS = (NOTIFIER, CAMERA)
