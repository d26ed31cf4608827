"""`make house` counts what it says, on a small tree that is made here, and the real tree stays within bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from deploy.house.figures import House, circles
from deploy.house.source import SourceTree
from deploy.house.walks_page import PAGE, WALKS
from tests.support.repository import ROOT

MOST_CLASSES_TWICE = 0
MOST_CIRCLES = 0
MOST_CIRCLES_WITH_TYPES = 0

SERVER = "server/cekalwatch/server"

Write = Callable[[str, str], None]
"""Writes a file, named within the small tree."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")

    steps = "\n\n".join(f"### {walk.title}\n\n1. `cekalwatch.server.a`: first" for walk in WALKS)
    write(PAGE.as_posix(), f"# Architecture\n\n## Four walks\n\n{steps}\n")
    return write


def house(root: Path) -> House:
    return House(SourceTree.read(root))


def test_lines_and_modules_are_those_of_the_shipped_folders(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/a.py", "x = 1\ny = 2\n")
    write(f"{SERVER}/__init__.py", '"""A package."""\n')
    write("protos/cekalwatch/v1/alert_pb2.py", "x = 1\n")
    write("common/cekalwatch/wire/stub_pb2.py", "x = 1\n")
    write("tests/unit/test_a.py", "x = 1\n")
    figures = house(tmp_path).figures
    assert (figures["lines"], figures["modules"]) == (3, 2)
    assert set(SourceTree.read(tmp_path).modules) == {"cekalwatch.server.a", "cekalwatch.server"}
    assert figures["walk_face"] == 1


def test_mapping_is_what_reads_and_writes_the_contract(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/grpc_api/alert_answers.py", "x = 1\n" * 5)
    write("common/cekalwatch/contract/engine/safe_text.py", "x = 1\n" * 7)
    write("common/cekalwatch/contract/codec/alerts.py", "x = 1\n" * 11)
    write("web_console/cekalwatch/console/clients/operations_client.py", "x = 1\n" * 13)
    write("web_console/cekalwatch/console/clients/calls.py", "x = 1\n" * 17)
    assert house(tmp_path).figures["mapping_lines"] == 5 + 11 + 13


def test_a_class_counts_twice_within_one_program_only(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/a.py", "class Hello: ...\nclass Other:\n    class Hello: ...\n")
    write(f"{SERVER}/b/c.py", "class Hello: ...\n")
    write("camera_client/cekalwatch/camera/a.py", "class Other: ...\n")
    assert house(tmp_path).classes_twice == {"server: Hello": ["cekalwatch.server.a", "cekalwatch.server.b.c"]}


def test_a_circle_is_found_also_within_functions_and_through_others(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/a.py", "from cekalwatch.server.b import run\n")
    write(f"{SERVER}/b.py", "def run():\n    from cekalwatch.server import c\n")
    write(f"{SERVER}/c.py", "import cekalwatch.server.a\n")
    write(f"{SERVER}/d.py", "from cekalwatch.server import a\n")
    write(f"{SERVER}/e.py", "if TYPE_CHECKING:\n    from cekalwatch.server.f import F\nelse:\n    import os\n")
    write(f"{SERVER}/f.py", "from cekalwatch.server.e import E\n")
    circle, of_types = [f"cekalwatch.server.{name}" for name in "abc"], [f"cekalwatch.server.{name}" for name in "ef"]
    assert house(tmp_path).circles(with_types=False) == [circle]
    assert house(tmp_path).circles(with_types=True) == [circle, of_types]
    assert [module.name for module in house(tmp_path).with_one_importer] == [
        f"cekalwatch.server.{name}" for name in "bce"
    ]


def test_circles_that_share_no_module_are_told_apart() -> None:
    assert circles({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}, "e": {"a"}}) == [["c", "d"], ["a", "b"]]


def test_an_alert_field_is_counted_where_it_is_a_field(write: Write, tmp_path: Path) -> None:
    write("protos/cekalwatch/v1/alert.proto", "message Alert {\n  // All\n  repeated Sighting sightings = 12;\n}\n")
    write("protos/cekalwatch/v1/other.proto", "message Other {\n  // Others have sightings.\n  bool early = 1;\n}\n")
    write(f"{SERVER}/field.py", "class Alert:\n    sightings: list\n")
    write(f"{SERVER}/keyword.py", "alert = make(sightings=[])\n")
    write(f"{SERVER}/attribute.py", "print(alert.sightings)\n")
    write(f"{SERVER}/column.py", 'Column("sightings")\n')
    write(f"{SERVER}/words.py", '"""What are sightings?"""\n\nsightings = 1  # sightings\n')
    assert {file.stem for file in house(tmp_path).files_of_alert_field} == {
        "alert",
        "field",
        "keyword",
        "attribute",
        "column",
    }


def test_a_role_is_counted_in_contract_code_and_texts(write: Write, tmp_path: Path) -> None:
    write("protos/cekalwatch/v1/session.proto", "enum PersonRole {\n  PERSON_ROLE_LIST_MANAGER = 3;\n}\n")
    write("common/cekalwatch/wire/people.py", 'LIST_MANAGER = "LIST_MANAGER"\n')
    write("common/cekalwatch/office/locale/en/LC_MESSAGES/messages.po", 'msgid "ROLE_LIST_MANAGER"\n')
    write(f"{SERVER}/others.py", "LIST_MANAGERS = 1\n")
    assert house(tmp_path).figures["files_for_a_role"] == 3


@pytest.mark.slow
def test_the_real_tree_is_within_its_bounds() -> None:
    real = house(ROOT)
    assert len(real.classes_twice) <= MOST_CLASSES_TWICE, real.classes_twice
    assert len(real.circles(with_types=False)) <= MOST_CIRCLES, real.circles(with_types=False)
    assert len(real.circles(with_types=True)) <= MOST_CIRCLES_WITH_TYPES, real.circles(with_types=True)
    assert real.figures["files_for_an_alert_field"] > 1, "ALERT_FIELD names no field any more"
    assert real.figures["files_for_a_role"] > 1, "ROLE names no role any more"
