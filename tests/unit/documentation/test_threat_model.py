"""The threat model names the tests that hold each row, and has a row for each part that somebody may have alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.wire.identity import DeviceRole
from tests.mutants.catalogue import Row, has_test, load

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs" / "threat-model.md").read_text(encoding="utf-8")
ALONE, ATTACKS = PAGE.partition("\n## One part alone\n")[2].partition("\n## Dependencies\n")[0].split("\n## ")
NO_TEST = ("nothing", "only advice")
"""How the protection of a row begins that no test can hold."""


def rows(section: str) -> list[str]:
    """The rows of its tables, without their heads."""
    return [line for line in section.splitlines() if re.match(r"\| (?!attack |part |---)", line)]


def named(text: str) -> list[str]:
    """The tests that a text names by their file below `tests`."""
    return re.findall(r"`(?:tests/)?([\w/]+/test_\w+\.py(?:::\w+)*)`", text)


def alone(text: str) -> list[str]:
    """The functions that it names without their file, from the beginning, the end or a part of the name."""
    return re.findall(r"`(?:…|(?=test_))(\w+)…?`", text)


def test_each_test_that_it_names_is_there() -> None:
    assert [name for name in named(PAGE) if not has_test(TESTS, name)] == []
    written = "\n".join(path.read_text("utf-8") for path in TESTS.glob("**/test_*.py"))
    assert [name for name in alone(PAGE) if not re.search(rf"def \w*{name}", written)] == []


def test_it_names_every_attack_that_is_tested() -> None:
    attacks = {path.relative_to(TESTS).as_posix() for path in (TESTS / "adversarial").glob("test_*.py")}
    assert sorted(attacks - {name.partition("::")[0] for name in named(PAGE)}) == []


def test_each_row_names_the_test_that_holds_it_or_says_that_nothing_does() -> None:
    assert [
        row
        for row in rows(ALONE) + rows(ATTACKS)
        if not (named(row) or alone(row) or row.split(" | ")[1].startswith(NO_TEST))
    ] == []


@pytest.mark.parametrize("row", [one for one in load() if one.mutants], ids=lambda one: one.attack[:40])
def test_a_row_names_a_test_that_fails_without_its_protection(row: Row) -> None:
    killing = " ".join(test for mutant in row.mutants for test in mutant.killed_by)
    for told in (one for one in rows(ATTACKS) if one.startswith(f"| {row.attack}")):
        assert [name for name in named(told) + alone(told) if name.partition("::")[0] in killing]


def test_each_device_and_each_role_of_a_person_has_its_row_of_a_part_alone() -> None:
    parts = [name for row in rows(ALONE) for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(parts) == sorted([*DeviceRole, *PersonRole])
