"""`docs/operations.md` lists every event that the three programs log, and none that they do not."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.support.repository import ROOT
from tests.support.tools.surface import LOG_TABLE

PROGRAMS = (
    ("server", "server/cekalwatch/server"),
    ("server", "extensions/cekalwatch/extensions"),
    ("camera", "camera_client/cekalwatch/camera"),
    ("notifier", "officer_notifier/cekalwatch/notifier"),
    ("console", "web_console/cekalwatch/console"),
    ("gateway", "extensions/cekalwatch/gateway"),
    ("all", "common/cekalwatch"),
)
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
ROW = re.compile(r"^\| `([^`]+)` \| ([\w/]+) \| ([^|]*) \| [^|]+ \|$", re.MULTILINE)
EVENT = re.compile(r"[a-z]+(_[a-z]+)*")
NO_FIELDS = {"exc_info", "stack_info"}
"""They put a traceback beside the event."""


class LogCall(NamedTuple):
    """A call that logs; `fields` lacks what comes from a mapping."""

    program: str
    event: str
    level: str
    fields: frozenset[str]
    place: str


@cache
def log_calls() -> list[LogCall]:
    return [
        call
        for program, folder in PROGRAMS
        for file in sorted((ROOT / folder).rglob("*.py"))
        for call in _calls_of(program, file)
    ]


def _calls_of(program: str, file: Path) -> Iterator[LogCall]:
    calls = 0
    nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=attr) as method) if _is_logging(method):
                calls += 1
                fields = frozenset(word.arg for word in node.keywords if word.arg) - NO_FIELDS
                place = f"{file.relative_to(ROOT)}:{node.lineno}"
                for event in _texts(node.args[0], place):
                    yield LogCall(program, event, LEVELS[attr], fields, place)
    assert calls == sum(map(_is_logging, nodes)), f"{file}: this test cannot follow how a logger is used here"


def _is_logging(node: ast.AST) -> bool:
    """Whether it is a method of a logger, which all modules call `log` or `self._log`."""
    return isinstance(node, ast.Attribute) and node.attr in LEVELS and ast.unparse(node.value) in {"log", "self._log"}


def _texts(event: ast.expr, place: str) -> Iterator[str]:
    """Give the texts that an event may be; this test cannot follow what is put together at run time."""
    match event:
        case ast.Constant(value=str() as text):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, place)
            yield from _texts(orelse, place)
        case _:
            raise AssertionError(f"{place}: an event must be a text")


def log_tables() -> list[tuple[str, str]]:
    return LOG_TABLE.findall((ROOT / "docs" / "operations.md").read_text("utf-8"))


def documented() -> dict[tuple[str, str], tuple[str, frozenset[str]]]:
    """Return level and fields of the rows of the programs' tables, by program and event."""
    return {
        (program, event): (level, frozenset(re.findall(r"`(\w+)`", fields)))
        for program, table in log_tables()
        for event, level, fields in ROW.findall(table)
    }


def test_a_technician_finds_an_event_by_the_alphabet() -> None:
    for _, table in log_tables():
        events = [event for event, *_ in ROW.findall(table)]
        assert events == sorted(events)


def test_every_event_is_snake_case() -> None:
    assert [call for call in log_calls() if not EVENT.fullmatch(call.event)] == []


def test_the_table_lists_every_event_and_no_other() -> None:
    logged = {(call.program, call.event) for call in log_calls()}
    assert len(logged) > 80, "the scan finds the calls"
    assert (logged - documented().keys(), documented().keys() - logged) == (set(), set())


def test_the_table_states_level_and_fields_of_each_event() -> None:
    table = documented()
    levels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for call in log_calls():
        _, fields = table[call.program, call.event]
        assert call.fields <= fields, call
        levels[call.program, call.event].add(call.level)
    assert {key: "/".join(sorted(found)) for key, found in levels.items()} == {
        key: level for key, (level, _) in table.items()
    }
