"""`make house` counts what it says, on a small tree that is made here, and the real tree stays within bounds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from deploy.house.alike import ALLOWED, MAX_ALLOWED
from deploy.house.budgets import FILE, Budgets, Capability, Size, renewed
from deploy.house.circles import circles
from deploy.house.durations import keep, kept
from deploy.house.figures import House
from deploy.house.source import SourceTree
from deploy.house.walks_page import PAGE, WALKS
from tests.support.repository import ROOT

SERVER = "server/cekalwatch/server"
STORE = f"{SERVER}/storage"
BUDGETS = Budgets(
    {}, (Capability("gates", Size(), "*gate*", extension=True), Capability("rest", Size(), "*", extension=False))
)

Write = Callable[[str, str], None]
"""Writes a file, named within the small tree."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")

    steps = "\n\n".join(f"### {walk.title}\n\n1. `cekalwatch.server.a`: first" for walk in WALKS)
    subprocess.run(("git", "init", "--quiet", tmp_path), check=True)
    write(PAGE.as_posix(), f"# Architecture\n\n## Four walks\n\n{steps}\n")
    return write


def house(root: Path) -> House:
    return House(SourceTree.read(root), BUDGETS)


def test_lines_and_modules_are_those_of_the_shipped_folders(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/a.py", "x = 1\ny = 2\n")
    write(f"{SERVER}/__init__.py", '"""A package."""\n')
    write("evaluation/cekalwatch/evaluation/a.py", "x = 1\n")
    write("extensions/cekalwatch/extensions/tide/a.py", "x = 1\n" * 4)
    write("protos/cekalwatch/v1/alert_pb2.py", "x = 1\n")
    write("common/cekalwatch/wire/stub_pb2.py", "x = 1\n")
    write("tests/unit/test_a.py", "x = 1\n")
    figures = house(tmp_path).figures
    assert (figures["lines"], figures["lines_of_the_core"], figures["modules"]) == (8, 4, 4)
    assert set(SourceTree.read(tmp_path).modules) == {
        "cekalwatch.server.a",
        "cekalwatch.server",
        "cekalwatch.evaluation.a",
        "cekalwatch.extensions.tide.a",
    }
    assert (figures["lines_of_tests"], figures["walk_face"]) == (1, 1)


def test_a_file_belongs_to_the_first_capability_that_has_it(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/gates/store.py", "x = 1\n" * 2)
    write(f"{SERVER}/wiring/gates.py", "x = 1\n")
    write(f"{SERVER}/other.py", "x = 1\n" * 5)
    write("tests/unit/test_gates.py", "x = 1\n" * 3)
    write("docs/gates.md", "How a gate opens.\n")
    write("extensions/cekalwatch/extensions/tide/a.py", "x = 1\n" * 4)
    write("tests/extensions/tide/test_tide.py", "x = 1\n" * 6)
    counted = house(tmp_path)
    assert counted.sizes["gates"] == Size(3, 3, 4)
    assert counted.sizes["tide"] == Size(4, 6)
    assert counted.sizes["rest"].shipped == 5
    assert {name: len(folders) for name, folders in counted.folders_of_extensions.items()} == {"gates": 2, "tide": 1}


def test_budgets_are_renewed_where_they_stand() -> None:
    text = "[figures]\nwords = 7\n\n[capabilities.gates]\nextension = true\nshipped = 1\ntests = 2\nfiles = '*'\n"
    text += '\n[capabilities."a, b (c)"]\nshipped = 1\ntests = 2\n'
    now = renewed(text, {"words": 8, "lines": 9}, {"gates": Size(3, 4, 5), "a, b (c)": Size(6, 7)})
    assert now == text.replace("words = 7", "words = 8").replace(
        "extension = true\nshipped = 1\ntests = 2", "extension = true\nshipped = 3\ntests = 4"
    ).replace("shipped = 1\ntests = 2", "shipped = 6\ntests = 7")


def test_lines_that_convert_are_those_of_messages_rows_and_what_is_shown(write: Write, tmp_path: Path) -> None:
    write(f"{SERVER}/grpc_api/alert_answers.py", "x = 1\n" * 5)
    write("common/cekalwatch/contract/engine/safe_text.py", "x = 1\n" * 7)
    write("common/cekalwatch/contract/codec/alerts.py", "x = 1\n" * 11)
    write("web_console/cekalwatch/console/clients/operations_client.py", "x = 1\n" * 13)
    write("web_console/cekalwatch/console/clients/calls.py", "x = 1\n" * 17)
    write(f"{SERVER}/alerts/shown.py", "x = 1\n" * 19)
    write(f"{STORE}/alerts/rows.py", "x = 1\n" * 23)
    write(f"{STORE}/tables.py", "class PortRow(SQLModel, table=True): ...\n")
    functions = """\
        def _port(row: PortRow) -> Port:
            return Port(row.name)

        def _row(port: Port) -> PortRow:
            return PortRow(
                name=port.name
            )

        def _count(row: PortRow) -> int: ...
        def _newer(row: PortRow) -> PortRow: ...
        """
    write(f"{STORE}/ports.py", functions)
    assert house(tmp_path).converting == {"wire": 5 + 11 + 13, "shown": 19, "rows": 23 + 2 + 4}


def test_dataclasses_of_one_process_that_share_half_of_their_fields_are_alike(write: Write, tmp_path: Path) -> None:
    def dataclass(name: str, *fields: str) -> str:
        return f"@dataclass(frozen=True)\nclass {name}:\n" + "".join(f"    {field}: int\n" for field in fields)

    write(f"{SERVER}/a.py", dataclass("Kept", *"abcdefgh"))
    write("common/cekalwatch/wire/b.py", dataclass("Told", *"abcdxy"))
    write("common/cekalwatch/wire/c.py", dataclass("Few", *"abc") + dataclass("Many", *"abcdrstuvw"))
    write("camera_client/cekalwatch/camera/d.py", dataclass("Far", *"efgh"))
    write(f"{SERVER}/e.py", dataclass("Base", *"efg"))
    write(f"{SERVER}/f.py", "from cekalwatch.server.e import Base\n" + dataclass("Made(Base)", "h"))
    # What is inherited is said once, and what is declared again is not.
    write(f"{SERVER}/g.py", "from cekalwatch.server import a as values\n" + dataclass("Kept(values.Kept)", "i"))
    write(f"{SERVER}/h.py", "from cekalwatch.server import a as values\n" + dataclass("Again(values.Kept)", *"abcd"))
    assert house(tmp_path).alike == [
        ("cekalwatch.server.a.Kept", "cekalwatch.server.f.Made"),
        ("cekalwatch.server.a.Kept", "cekalwatch.server.h.Again"),
        ("cekalwatch.server.a.Kept", "cekalwatch.wire.b.Told"),
        ("cekalwatch.server.f.Made", "cekalwatch.server.h.Again"),
        ("cekalwatch.server.h.Again", "cekalwatch.wire.b.Told"),
    ]


def test_rooms_are_the_servers_folders_and_loose_modules(write: Write, tmp_path: Path) -> None:
    for name in ("app", "__main__", "storage/__init__", "storage/a", "health/probes", "health/rules"):
        write(f"{SERVER}/{name}.py", "")
    write(f"{SERVER}/app.py", "from cekalwatch.server.health import rules\n")
    write(f"{SERVER}/storage/store.py", "from cekalwatch.server.health.probes import Probe\n")
    write(f"{SERVER}/health/rules.py", "from cekalwatch.server.storage import a, store\n")
    rooms = house(tmp_path).rooms
    assert (rooms.folders, rooms.loose_modules) == ({"storage", "health"}, {"app"})
    assert rooms.arrows == {("app", "health"): 1, ("storage", "health"): 1, ("health", "storage"): 2}
    assert rooms.arrows_back_up == {("storage", "health"): 1}


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
    assert len(house(tmp_path).files_naming("LIST_MANAGER")) == 3


@pytest.fixture(scope="module")
def real() -> House:
    return House(SourceTree.read(ROOT), Budgets.read())


@pytest.mark.slow
def test_no_capability_has_more_lines_than_its_budget(real: House) -> None:
    assert [*real.sizes], "every file of shipped code and tests belongs to a capability, or this raises LookupError"
    over = {
        one.name: f"{now.shipped} shipped lines of {one.budget.shipped}, {now.tests} of tests of {one.budget.tests}"
        for one in real.budgets.capabilities
        if (now := real.sizes.get(one.name, Size())).shipped > one.budget.shipped or now.tests > one.budget.tests
    }
    assert not over, (
        f"These need more lines than {FILE.name} gives them: {over}. Take lines away; or write what there is now with "
        f"`make house ARGS=--budgets`, and say in the commit what the new lines are for, and what went for them."
    )


@pytest.mark.slow
def test_the_real_tree_is_within_its_bounds(real: House) -> None:
    figures = real.figures
    assert {name: figures[name] for name, most in real.budgets.figures.items() if figures[name] > most} == {}
    assert len(ALLOWED) <= MAX_ALLOWED
    assert figures["files_for_an_alert_field"] > 1, "ALERT_FIELD names no field any more"
    assert figures["files_for_a_role"] > 1, "ROLE names no role any more"
    assert figures["files_for_a_problem"] > 1, "PROBLEM names no kind of problem any more"


def test_durations_of_other_runs_stay_as_long_as_the_test_does(tmp_path: Path) -> None:
    file, this = tmp_path / "build" / "durations.json", "tests/unit/house/test_house.py::test_this"
    keep({this: 1.0, "tests/gone.py::test_that": 2.0}, file)
    keep({"tests/conftest.py": 3.0}, file)
    assert kept(file) == {this: 1.0, "tests/conftest.py": 3.0}
    assert [one.name for one in file.parent.iterdir()] == [file.name]
