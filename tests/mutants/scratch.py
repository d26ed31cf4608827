"""A copy of the working tree with its own environment, in which code is changed and tests run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.catalogue import Mutant

_LEFT_OUT: Final = (".git", ".venv", "build", "dist", "__pycache__", ".*_cache", "*.egg-info")
_ENVIRONMENT: Final = ".venv"


@dataclass(frozen=True)
class Scratch:
    """The copy."""

    root: Path

    @classmethod
    def of(cls, tree: Path, folder: Path, used: Path) -> Scratch:
        """Copy `tree` and the environment in `used` into `folder`, which is emptied, on the same file system.

        The environment's files are links; what names the tree in them is written anew.
        """
        root = folder / "tree"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tree, root, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        if (shared := tree.parent / "shared").exists():
            (folder / "shared").symlink_to(shared.resolve())
        shutil.copytree(used, root / _ENVIRONMENT, symlinks=True, copy_function=_linked)
        places = [*(root / _ENVIRONMENT / "bin").iterdir(), *root.glob(f"{_ENVIRONMENT}/lib/*/site-packages/*.pth")]
        for place in places:
            if place.is_symlink() or str(tree).encode() not in (content := place.read_bytes()):
                continue
            mode = place.stat().st_mode
            place.unlink()  # it is a link to the one in use
            place.write_bytes(content.replace(str(tree).encode(), str(root).encode()))
            place.chmod(mode)
        return cls(root)

    @contextmanager
    def without(self, mutant: Mutant) -> Iterator[None]:
        """Take a defence out for the duration of the block. Raises MutantError."""
        file = self.root / mutant.file
        kept = file.with_name(f"{file.name}.kept")
        changed = mutant.applied_to(file.read_text("utf-8"))
        file.rename(kept)
        try:
            file.write_text(changed, "utf-8")
            file.chmod(kept.stat().st_mode)
            yield
        finally:
            kept.replace(file)  # with its time, by which Python knows what it has compiled

    @property
    def python(self) -> Path:
        """The interpreter that loads the copy."""
        return self.root / _ENVIRONMENT / "bin" / "python"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its programs."""
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(self.root / _ENVIRONMENT), "COLUMNS": "500"}


def _linked(source: str, target: str) -> None:
    os.link(source, target)
