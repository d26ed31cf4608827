"""The modules of the shipped folders: their names, their lines, their classes and what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

CORE: Final = ("common", "server", "camera_client", "officer_notifier", "web_console", "evaluation")
"""The folders whose code is delivered to everybody; generated stubs lie elsewhere."""
SHIPPED: Final = (*CORE, "extensions")
"""Those, and the folder of what an office may do without."""


@dataclass(frozen=True)
class Import:
    """One import of a module, wherever in the module it stands."""

    name: str
    """What is imported, a module or something in one, as "cekalwatch.wire.calls.Calls"."""
    for_types: bool
    """Whether only type checkers see it."""


@dataclass(frozen=True)
class Module:
    """A file of Python."""

    name: str
    """As it is imported; a package has the name of its folder."""
    path: Path
    """Within the tree."""
    text: str

    @property
    def lines(self) -> int:
        """How many line ends it has."""
        return self.text.count("\n")

    @property
    def extension(self) -> bool:
        """Whether an office may do without it."""
        return self.path.parts[0] not in CORE

    @property
    def program(self) -> str:
        """The package below `cekalwatch` that it belongs to, such as "server" or "extensions.gates"."""
        parts = self.name.removeprefix("cekalwatch.").split(".")
        return ".".join(parts[:2]) if parts[0] == "extensions" else parts[0]

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text, str(self.path))

    @property
    def classes(self) -> list[str]:
        """Names of the classes that it defines at its top."""
        return [node.name for node in self.tree.body if isinstance(node, ast.ClassDef)]

    @cached_property
    def imports(self) -> list[Import]:
        """All imports, those within functions included."""
        return list(_imports(self.tree, for_types=False))


def _imports(node: ast.AST, *, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import():
                yield from (Import(alias.name, for_types) for alias in child.names)
            case ast.ImportFrom(module=str(module)):
                yield from (Import(f"{module}.{alias.name}", for_types) for alias in child.names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _imports(ast.Module(child.body, []), for_types=True)
                yield from _imports(ast.Module(child.orelse, []), for_types=for_types)
            case _:
                yield from _imports(child, for_types=for_types)


@dataclass(frozen=True)
class SourceTree:
    """All modules of the shipped folders below one folder."""

    root: Path
    modules: dict[str, Module]

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read the shipped folders of the checkout `root`."""
        found = {}
        for folder in SHIPPED:
            for file in sorted((root / folder).rglob("*.py")):
                if "_pb2" not in file.name:
                    name = ".".join(file.relative_to(root / folder).with_suffix("").parts).removesuffix(".__init__")
                    found[name] = Module(name, file.relative_to(root), file.read_text("utf-8"))
        return cls(root, found)

    def imported(self, module: Module, *, with_types: bool) -> set[str]:
        """Return the names of the other modules of the tree that `module` imports."""
        names = (one.name for one in module.imports if with_types or not one.for_types)
        found = (name if name in self.modules else name.rpartition(".")[0] for name in names)
        return {name for name in found if name in self.modules and name != module.name}
