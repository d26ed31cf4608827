"""The page on people says what takes two people and who they are, and of each call whether it could silence a ban."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import cekalwatch.v1
from cekalwatch.contract.values.people import TWO_PERSON_ACTIONS, PersonRole

SECTION = "### Nobody silences a ban alone"
PAGE = Path(__file__).parents[3] / "docs/people.md"
TABLES = {"guarded": "| call |", "others": "| calls |"}


def named(table: str) -> list[str]:
    """The calls of a table of the page."""
    section = PAGE.read_text().partition(SECTION)[2].partition(TABLES[table])[2].partition("\n\n")[0]
    return [
        name
        for row in section.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]


def calls() -> list[str]:
    """The methods of all services that the contract's files describe."""
    modules = (one.name for one in pkgutil.iter_modules(cekalwatch.v1.__path__) if one.name.endswith("_pb2"))
    files = (importlib.import_module(f"cekalwatch.v1.{name}").DESCRIPTOR for name in modules)
    return [
        method for file in files for service in file.services_by_name.values() for method in service.methods_by_name
    ]


def test_the_page_on_people_says_once_of_each_call_whether_it_could_silence_a_ban() -> None:
    assert sorted([*named("guarded"), *named("others")]) == sorted(calls())


def test_the_page_on_people_says_what_takes_two_people_and_who_they_are() -> None:
    table = PAGE.read_text().partition("## What takes two people")[2].partition("\n\nThey")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.endswith("` |")]
    told = {
        action.strip("`"): {one for one in PersonRole if one.lower().replace("_", " ") in two.partition(";")[0]}
        for _, two, action in rows
    }
    assert told == {action: set(pair) for action, pair in TWO_PERSON_ACTIONS.items()}
