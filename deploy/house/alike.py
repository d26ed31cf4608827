"""Finds dataclasses that say one thing twice in one process."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from deploy.house.source import Module, SourceTree

_SHARED: Final = ("contract", "wire", "program", "pictures", "office")
PROCESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "server": (*_SHARED, "vision", "server"),
    "camera": (*_SHARED, "vision", "camera"),
    "notifier": (*_SHARED, "notifier"),
    "console": (*_SHARED, "console"),
    "gateway": (*_SHARED, "client", "gateway"),
    "evaluation": (*_SHARED, "vision", "server", "evaluation"),
}
"""The packages below `cekalwatch` that a process loads; a package that is not named here is loaded by the server."""
MIN_SHARED_FIELDS: Final = 4
ALLOWED: Final[Mapping[tuple[str, str], str]] = {}
"""Pairs that stay, as `alike` returns them, each with its reason; at most MAX_ALLOWED."""
MAX_ALLOWED: Final = 5


@dataclass(frozen=True)
class Fields:
    """A dataclass at the top of a module, and the names of its fields with those that it inherits."""

    name: str
    """With the module, as "cekalwatch.wire.calls.Calls"."""
    module: Module
    names: frozenset[str]


def alike(source: SourceTree) -> list[tuple[str, str]]:
    """Return the pairs of dataclasses of one process, in two modules, that share at least half of their fields.

    They share at least MIN_SHARED_FIELDS names, which are at least half the fields of the larger. Two classes of one
    module are not counted: who reads one sees the other.
    """
    known = sorted(_dataclasses(source), key=lambda one: one.name)
    return [
        (one.name, other.name)
        for one, other in combinations(known, 2)
        if len(shared := one.names & other.names) >= MIN_SHARED_FIELDS
        and 2 * len(shared) >= max(len(one.names), len(other.names))
        and one.module.name != other.module.name
        and _in_one_process(one.module, other.module)
        and (one.name, other.name) not in ALLOWED
    ]


def _in_one_process(one: Module, other: Module) -> bool:
    named = {package for packages in PROCESSES.values() for package in packages}
    first, second = (module.program if module.program in named else "server" for module in (one, other))
    return any(first in packages and second in packages for packages in PROCESSES.values())


def _dataclasses(source: SourceTree) -> Iterator[Fields]:
    classes = {
        f"{module.name}.{node.name}": (module, node)
        for module in source.modules.values()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }

    def names(module: Module, node: ast.ClassDef) -> frozenset[str]:
        found = {field for field in map(_field, node.body) if field}
        for base in node.bases:
            imported = {one.name for one in module.imports if one.name.endswith(f".{ast.unparse(base)}")}
            for name in imported | {f"{module.name}.{ast.unparse(base)}"}:
                if name in classes:
                    found |= names(*classes[name])
        return frozenset(found)

    for name, (module, node) in classes.items():
        if any(ast.unparse(one).split("(")[0] == "dataclass" for one in node.decorator_list):
            yield Fields(name, module, names(module, node))


def _field(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            return None if ast.unparse(annotation).startswith(("ClassVar", "KW_ONLY")) else name
    return None
