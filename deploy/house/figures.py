"""The figures of the house: how large the shipped code is, what it says twice, and what a change has to touch."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Final

from deploy.house.source import Module, SourceTree
from deploy.house.walks_page import WALKS, listed

MAPPING: Final = (
    "common/cekalwatch/contract/*",
    "server/cekalwatch/server/grpc_api/*_answers.py",
    "server/cekalwatch/server/grpc_api/*_requests.py",
    "server/cekalwatch/server/watchlist/imports/messages.py",
    "server/cekalwatch/server/watchlist/sources/centre/messages.py",
    "web_console/cekalwatch/console/clients/*_client.py",
)
"""Where the values of the contract are defined, read and written."""
NO_MAPPING: Final = ("*/contract/engine/safe_text.py",)
"""What makes a text safe to show."""
SHORT_LINES: Final = 60
ALERT_FIELD: Final = "sightings"
"""A field of an alert that goes from the database over the contract to every screen, and that nothing else has."""
ROLE: Final = "LIST_MANAGER"
"""A role of a person that has no rule of its own beside the table of rights."""
WANTED: Final[Mapping[str, int]] = {
    "lines": 84_500,
    "modules": 770,
    "mapping_lines": 3_500,
    "classes_twice": 0,
    "circles": 0,
    "circles_with_types": 0,
    "files_for_an_alert_field": 10,
    "walk_face": 18,
    "walk_capture": 20,
    "walk_event": 24,
    "walk_record": 22,
}
"""The largest value that each figure may reach in the end; the others are only watched."""


@dataclass(frozen=True)
class House:
    """What is counted in one checkout."""

    source: SourceTree

    @property
    def figures(self) -> dict[str, int]:
        """All figures by name."""
        modules = self.source.modules.values()
        return {
            "lines": sum(module.lines for module in modules),
            "modules": len(modules),
            "mapping_lines": sum(module.lines for module in self.mapping),
            "classes_twice": len(self.classes_twice),
            "circles": len(self.circles(with_types=False)),
            "circles_with_types": len(self.circles(with_types=True)),
            "modules_with_one_importer": len(self.with_one_importer),
            "short_modules_with_one_importer": sum(module.lines < SHORT_LINES for module in self.with_one_importer),
            **{f"walk_{walk.key}": len(listed(self.source.root, walk)) for walk in WALKS},
            "files_for_an_alert_field": len(self.files_of_alert_field),
            "files_for_a_role": len(self.files_of_role),
        }

    @cached_property
    def mapping(self) -> list[Module]:
        """The modules that define, read and write the values of the contract."""

        def one_of(module: Module, patterns: tuple[str, ...]) -> bool:
            return any(fnmatch(module.path.as_posix(), pattern) for pattern in patterns)

        return [one for one in self.source.modules.values() if one_of(one, MAPPING) and not one_of(one, NO_MAPPING)]

    @cached_property
    def classes_twice(self) -> dict[str, list[str]]:
        """Names that more than one class of a program has, with the modules of each."""
        found = defaultdict[tuple[str, str], list[str]](list)
        for module in self.source.modules.values():
            for name in module.classes:
                found[module.program, name].append(module.name)
        return {f"{program}: {name}": where for (program, name), where in found.items() if len(where) > 1}

    def circles(self, *, with_types: bool) -> list[list[str]]:
        """Return groups of modules that import one another, directly or by others."""
        return circles({name: self._imported(name, with_types=with_types) for name in self.source.modules})

    @cached_property
    def with_one_importer(self) -> list[Module]:
        """Modules, without packages, that one module alone imports while the program runs."""
        importers = Counter(other for name in self.source.modules for other in self._imported(name, with_types=False))
        modules = self.source.modules.values()
        return [one for one in modules if importers[one.name] == 1 and one.path.name != "__init__.py"]

    def _imported(self, name: str, *, with_types: bool) -> set[str]:
        return self.source.imported(self.source.modules[name], with_types=with_types)

    @cached_property
    def files_of_alert_field(self) -> list[Path]:
        """The files of contract and code that name ALERT_FIELD as a field; texts and tests are not counted."""
        code = [module.path for module in self.source.modules.values() if ALERT_FIELD in set(_fields(module.tree))]
        stated = re.compile(rf"^\s+(?:repeated |optional )?[\w.]+ {ALERT_FIELD} = \d+;", re.MULTILINE)
        contract = [file for file in self._protos if stated.search((self.source.root / file).read_text("utf-8"))]
        return contract + code

    @cached_property
    def files_of_role(self) -> list[Path]:
        """The files of contract, code and texts that name ROLE; tests are not counted."""
        named = re.compile(rf"\b(?:PERSON_ROLE_|ROLE_)?{ROLE}\b")
        root = self.source.root
        texts = [file.relative_to(root) for file in sorted(root.glob("*/cekalwatch/**/*.po"))]
        code = [module.path for module in self.source.modules.values()]
        return [file for file in (*self._protos, *code, *texts) if named.search((root / file).read_text("utf-8"))]

    @cached_property
    def _protos(self) -> list[Path]:
        root = self.source.root
        return [file.relative_to(root) for file in sorted(root.glob("protos/**/*.proto"))]


def _fields(tree: ast.Module) -> Iterator[str]:
    """Yield the names that stand as a field: of a class, after a dot, of a keyword, or as a text of their own."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.Constant(value=str(name)):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def circles(imported: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module, by Tarjan's algorithm."""
    order = dict[str, int]()
    lowest = dict[str, int]()
    path = list[str]()
    found = list[list[str]]()

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        path.append(name)
        for other in sorted(imported[name]):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in path:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            begin = path.index(name)
            if len(path) - begin > 1:
                found.append(sorted(path[begin:]))
            del path[begin:]

    for name in sorted(imported):
        if name not in order:
            visit(name)
    return found
