"""The figures of the house: how large the shipped code is, what it says twice, and what a change has to touch."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Final

from deploy.house.alike import alike
from deploy.house.budgets import Budgets, Size, extension_folder
from deploy.house.circles import circles
from deploy.house.rooms import Rooms
from deploy.house.source import Module, SourceTree
from deploy.house.walks_page import WALKS, listed

WIRE: Final = (
    "*/cekalwatch/contract/codec/*",
    "*/cekalwatch/contract/engine/*",
    "*/server/grpc_api/*_answers.py",
    "*/server/grpc_api/*_requests.py",
    "*/server/grpc_api/messages.py",
    "*/server/grpc_api/clients/server_client.py",
    "*/office/client/*_client.py",
    "*/console/clients/*_client.py",
    "*/gateway/messages.py",
    "*/camera/outbox/capture_message.py",
)
"""What reads and writes messages, at both ends."""
SHOWN: Final = ("*/server/alerts/shown.py",)
"""What copies the server's values into those that others see."""
ROWS: Final = ("*/server/storage/*rows.py",)
"""What copies rows into values and back; single functions of other modules are found by their types."""
CONVERTING: Final[Mapping[str, tuple[str, ...]]] = {"wire": WIRE, "shown": SHOWN, "rows": ROWS}
SAFE_TEXT: Final = ".contract.engine.safe_text"
"""Makes a text safe to show, and converts nothing."""
STORAGE: Final = "cekalwatch.server.storage"
SHORT_LINES: Final = 60
ALERT_FIELD: Final = "sightings"
"""A field of an alert that goes from the database over the contract to every screen, and that nothing else has."""
ROLE: Final = "LIST_MANAGER"
"""A role of a person that has no rule of its own beside the table of rights."""
PROBLEM: Final = "AUDIT_UNSIGNED"
"""A kind of alarm that has no rule of its own beside others' rules."""
WANTED: Final[Mapping[str, int]] = {
    "lines": 103_000,
    "lines_of_the_core": 95_000,
    "lines_of_storage": 12_000,
    "lines_that_convert": 3_100,
    "dataclasses_alike": 0,
    "classes_twice": 0,
    "circles": 0,
    "circles_with_types": 0,
    "walk_face": 18,
    "walk_capture": 24,
    "walk_event": 34,
    "walk_record": 36,
    "files_for_an_alert_field": 8,
    "files_for_a_problem": 4,
    "folders_for_an_extension": 1,
    "folders_of_the_server": 24,
    "loose_modules_of_the_server": 2,
    "imports_back_up": 2,
    "lines_of_tests": 85_000,
    "words": 130_000,
}
"""The largest value that each figure may reach in the end; the others are only watched."""


@dataclass(frozen=True)
class House:
    """What is counted in one checkout."""

    source: SourceTree
    budgets: Budgets

    @property
    def figures(self) -> dict[str, int]:
        """All figures by name."""
        modules = self.source.modules.values()
        return {
            "lines": sum(module.lines for module in modules),
            "lines_of_the_core": sum(module.lines for module in modules if not module.extension),
            "lines_of_storage": sum(module.lines for module in modules if module.name.startswith(STORAGE)),
            "modules": len(modules),
            "lines_that_convert": sum(self.converting.values()),
            **{f"lines_that_convert_{kind}": lines for kind, lines in self.converting.items()},
            "dataclasses_alike": len(self.alike),
            "classes_twice": len(self.classes_twice),
            "circles": len(self.circles(with_types=False)),
            "circles_with_types": len(self.circles(with_types=True)),
            "modules_with_one_importer": len(self.with_one_importer),
            "short_modules_with_one_importer": sum(module.lines < SHORT_LINES for module in self.with_one_importer),
            **{f"walk_{walk.key}": len(listed(self.source.root, walk)) for walk in WALKS},
            "files_for_an_alert_field": len(self.files_of_alert_field),
            "files_for_a_role": len(self.files_naming(ROLE)),
            "files_for_a_problem": len(self.files_naming(PROBLEM)),
            "folders_for_an_extension": max(map(len, self.folders_of_extensions.values()), default=0),
            "folders_of_the_server": len(self.rooms.folders),
            "loose_modules_of_the_server": len(self.rooms.loose_modules),
            "imports_back_up": self.rooms.arrows_back_up.total(),
            "lines_of_tests": sum(size.tests for size in self.sizes.values()),
            "words": sum(size.words for size in self.sizes.values()),
        }

    @cached_property
    def converting(self) -> dict[str, int]:
        """Lines that only copy values from one form into another, by the kind of form."""
        modules = self.source.modules.values()
        tables = {name for module in modules for name in _tables(module.tree)}
        found = {kind: sum(one.lines for one in modules if _in(one, which)) for kind, which in CONVERTING.items()}
        storage = (one for one in modules if one.name.startswith(STORAGE) and not _in(one, ROWS))
        found["rows"] += sum(_lines_of_row_functions(module.tree, tables) for module in storage)
        return found

    @cached_property
    def alike(self) -> list[tuple[str, str]]:
        """Pairs of dataclasses of one process that say nearly the same."""
        return alike(self.source)

    @cached_property
    def rooms(self) -> Rooms:
        """The rooms of the server."""
        return Rooms(self.source)

    @cached_property
    def capabilities(self) -> dict[str, list[Path]]:
        """The files of shipped code, tests and documents, by the capability that they belong to."""
        found = defaultdict[str, list[Path]](list)
        for path in self.files:
            found[self.budgets.capability(path)].append(path)
        return found

    @cached_property
    def sizes(self) -> dict[str, Size]:
        """How large each capability is."""
        return {name: sum(map(self._size, paths), start=Size()) for name, paths in self.capabilities.items()}

    def _size(self, path: Path) -> Size:
        text = (self.source.root / path).read_text("utf-8")
        match path.suffix, path.parts[0]:
            case ".md", _:
                return Size(words=len(text.split()))
            case _, "tests":
                return Size(tests=text.count("\n"))
        return Size(shipped=text.count("\n"))

    @cached_property
    def files(self) -> list[Path]:
        """The files of shipped code, all of tests and their support, and all documents that git knows."""
        root = self.source.root
        listed = subprocess.run(
            ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "tests/*.py", "*.md"),
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
        others = {Path(name) for name in listed if name and (root / name).is_file()}
        return sorted(others | {module.path for module in self.source.modules.values()})

    @cached_property
    def folders_of_extensions(self) -> dict[str, set[Path]]:
        """The folders that have shipped code of each extension; its own counts once."""
        code = {module.path for module in self.source.modules.values()}
        optional = {one.name for one in self.budgets.capabilities if one.extension}
        found = {
            name: {extension_folder(path) or path.parent for path in paths if path in code}
            for name, paths in self.capabilities.items()
            if name in optional or any(map(extension_folder, paths))
        }
        return {name: folders for name, folders in found.items() if folders}

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

    def files_naming(self, member: str) -> list[Path]:
        """Return the files of contract, code and texts that name a member of an enumeration; tests are not counted."""
        named = re.compile(rf"\b(?:[A-Z]+_)*{member}\b")
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


def _in(module: Module, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(module.path.as_posix(), pattern) for pattern in patterns) and not module.name.endswith(SAFE_TEXT)


def _tables(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the tables of the database that a module defines."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(word.arg == "table" for word in node.keywords):
            yield node.name


def _lines_of_row_functions(tree: ast.Module, tables: set[str]) -> int:
    """Return the lines of the functions that make a value of a table's row that they are given, or such a row."""
    lines = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            given = {name for one in node.args.args if one.annotation for name in _names(one.annotation)}
            returned = _names(node.returns)
            if bool(returned & tables) != bool(given & tables) and (returned & tables or _is_a_value(returned)):
                lines += (node.end_lineno or node.lineno) - node.lineno + 1
    return lines


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_a_value(names: set[str]) -> bool:
    """Whether a type has the name of a class of ours, and none of a part of the database."""
    return any(name[0].isupper() for name in names) and not names & {"Session", "Select", "ColumnElement", "Iterator"}
