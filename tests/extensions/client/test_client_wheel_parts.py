"""The distribution cekalwatch-client has the modules that its package imports, and no others of the programs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import grimp

from tests.support.repository import ROOT

WHOLE = ("cekalwatch.v1", "cekalwatch.contract", "cekalwatch.wire")
"""Packages that it has whole: the contract, and how it is spoken."""
CLIENT = ROOT / "extensions" / "cekalwatch" / "client"
SHARED = ("cekalwatch.office", "cekalwatch.program")


def needed() -> set[str]:
    """The modules that the library imports, with the packages that they are in."""
    graph = grimp.build_graph(*WHOLE, *SHARED, "cekalwatch.client", exclude_type_checking_imports=True)
    found = {name for name in graph.modules if name.startswith(("cekalwatch.client", *WHOLE))}
    waiting = list(found)
    while waiting:
        for name in graph.find_modules_directly_imported_by(waiting.pop()) - found:
            found.add(name)
            waiting.append(name)
    parts = {name.rsplit(".", level)[0] for name in found for level in range(name.count("."))}
    return {name for name in found | parts if name.startswith(SHARED)}


def test_it_has_what_it_imports_and_no_more() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all((CLIENT / source).exists() for source in included)
    own = [source for source in included if "/" not in source]
    assert set(own) == {one.name for one in CLIENT.iterdir() if one.suffix == ".py" or one.name == "py.typed"}
    assert {included.pop(name) for name in own} == {f"cekalwatch/client/{name}" for name in own}
    modules = {
        ".".join(Path(place).with_suffix("").parts).removesuffix(".__init__")
        for place in included.values()
        if place.endswith(".py")
    }
    assert modules == needed()
    assert {place.replace("/", ".") for place in included.values() if not place.endswith(".py")} == set(WHOLE)


def without_markers(requirements: Iterable[str]) -> set[str]:
    return {one.partition(";")[0].strip() for one in requirements}


def test_it_asks_for_the_versions_that_the_programs_are_tested_with() -> None:
    ours = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    theirs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = {*theirs["dependencies"], *theirs["optional-dependencies"]["notifier"]}
    assert without_markers(ours["dependencies"]) <= without_markers(ranges)
    assert ours["version"] == theirs["version"]
