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
ALLOWED: Final[Mapping[tuple[str, str], str]] = {
    ("cekalwatch.contract.values.audit.TrailEntry", "cekalwatch.server.audit.entry.AuditEntry"): (
        "one is written, of members of enumerations; the other is what can be read of a link, which may be damaged"
    ),
    ("cekalwatch.contract.values.watchlist.SubjectEvent", "cekalwatch.server.audit.entry.AuditEntry"): (
        "the same, of what happened to one subject"
    ),
    ("cekalwatch.contract.values.captures.FaceCapture", "cekalwatch.server.domain.captures.Capture"): (
        "one has the camera's track and clock; the other is of a passage, and placed in time by the server's clock"
    ),
    ("cekalwatch.contract.values.reports.FieldLine", "cekalwatch.server.domain.alerts.field_sums.LineSums"): (
        "sums are added up in place and stored by day; a line has shares of them with their intervals"
    ),
    (
        "cekalwatch.contract.values.watchlist.ListedSubject",
        "cekalwatch.server.domain.orders.ban_order.SubjectFile",
    ): "a file has orders that the law has still to judge; people get them judged, with days as texts",
}
"""Pairs that stay, as `alike` returns them, each with its reason; at most MAX_ALLOWED."""
MAX_ALLOWED: Final = 5


@dataclass(frozen=True)
class Fields:
    """A dataclass at the top of a module, and its fields with those that it inherits."""

    name: str
    """With the module, as "cekalwatch.wire.calls.Calls"."""
    module: Module
    declared: Mapping[str, str]
    """By the field's name, the class that declares it: the dataclass, or one from which it inherits."""


def alike(source: SourceTree) -> list[tuple[str, str]]:
    """Return the pairs of dataclasses of one process, in two modules, that share at least half of their fields.

    They share at least MIN_SHARED_FIELDS names, which are at least half the fields of the larger. A field that both
    have from one declaration is said once, and not counted. Nor are two classes of one module: who reads one sees the
    other.
    """
    known = sorted(_dataclasses(source), key=lambda one: one.name)
    return [
        (one.name, other.name)
        for one, other in combinations(known, 2)
        if (shared := _said_twice(one, other)) >= MIN_SHARED_FIELDS
        and 2 * shared >= max(len(one.declared), len(other.declared))
        and one.module.name != other.module.name
        and _in_one_process(one.module, other.module)
        and (one.name, other.name) not in ALLOWED
    ]


def _said_twice(one: Fields, other: Fields) -> int:
    return sum(other.declared.get(name, by) != by for name, by in one.declared.items())


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

    def declared(module: Module, node: ast.ClassDef) -> Mapping[str, str]:
        found, own = dict[str, str](), f"{module.name}.{node.name}"
        for base in node.bases:
            # "values.Finding" is a class of one of the imported modules.
            part, _, last = ast.unparse(base).rpartition(".")
            imported = {f"{one.name}.{last}" if part else one.name for one in module.imports}
            for name in {one for one in imported if one.endswith(f".{last}")} | ({f"{module.name}.{last}"} - {own}):
                if name in classes:
                    found |= declared(*classes[name])
        return found | dict.fromkeys(filter(None, map(_field, node.body)), own)

    for name, (module, node) in classes.items():
        if any(ast.unparse(one).split("(")[0] == "dataclass" for one in node.decorator_list):
            yield Fields(name, module, declared(module, node))


def _field(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            return None if ast.unparse(annotation).startswith(("ClassVar", "KW_ONLY")) else name
    return None
