"""Each row of the threat model has mutants or says why it has none; each mutant fits the code and is judged rightly."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.catalogue import THREAT_MODEL, Mutant, MutantError, attacks, has_test, load
from tests.mutants.judging import Judged, Verdict, judge
from tests.mutants.patching import patch
from tests.mutants.scratch import Scratch
from tests.mutants.verdicts import Verdicts
from tests.support.repository import ROOT

ROWS = load()
MUTANTS = [one for row in ROWS for one in row.mutants]
RULES = "Rules on which these rest"


def test_each_row_of_the_threat_model_has_its_mutants_or_says_why_it_has_none() -> None:
    named = [(row.part, row.attack) for row in ROWS if row.part != RULES]
    whole = attacks((ROOT / THREAT_MODEL).read_text("utf-8"))
    missing = [
        (part, attack)
        for part, attack in whole
        if [known for known in named if known[0] == part and attack.startswith(known[1])] == []
    ]
    ambiguous = [
        (part, begin)
        for part, begin in named
        if len([attack for of, attack in whole if of == part and attack.startswith(begin)]) != 1
    ]
    assert (missing, ambiguous) == ([], []), "name each row once in tests/mutants/defences"


def test_each_mutant_still_fits_the_code() -> None:
    unfit = []
    for one in MUTANTS:
        try:
            one.applied_to((ROOT / one.file).read_text("utf-8"))
        except (MutantError, OSError) as error:
            unfit.append(str(error))
    assert unfit == []


def test_each_test_that_a_mutant_names_is_there_and_each_name_is_used_once() -> None:
    assert [one.name for one in MUTANTS if not all(has_test(ROOT / "tests", test) for test in one.killed_by)] == []
    names = [one.name for one in MUTANTS]
    assert [name for name in names if names.count(name) > 1] == []
    assert [one.name for one in MUTANTS if not one.killed_by] == []


CODE = "def is_open(code: int) -> bool:\n    return code == 1234\n"
TESTS = {
    "right": "def test_it():\n    assert is_open(1234)\n",
    "wrong": "def test_it():\n    assert not is_open(1)\n",
    "stuck": "import time\nimport pytest\n@pytest.mark.timeout(1)\ndef test_it():\n    time.sleep(60 * is_open(1))\n",
    "red": "def test_it():\n    assert not is_open(1234)\n",
    "none": "from lock import nothing\n",
    "after": "@fixture\ndef door():\n    yield\n    assert not is_open(1)\ndef test_it(door):\n    pass\n",
    "before": "@fixture\ndef door():\n    assert not is_open(1)\ndef test_it(door):\n    pass\n",
    "logs": "def test_it():\n    print('who' * is_open(1), end='')\n",
}
LOG_WATCH = """\
FOUND = []


def pytest_runtest_logreport(report):
    if report.when == "teardown" and report.capstdout:
        FOUND.append(report.nodeid)


def pytest_sessionfinish(session):
    session.exitstatus = session.exitstatus or int(bool(FOUND))


def pytest_terminal_summary(terminalreporter):
    if FOUND:
        terminalreporter.section("personal data in logs")
        terminalreporter.line("\\n    ".join([*FOUND, "tests/wrong/test_it.py"]))
"""
"""As tests/conftest.py does."""
LOCK = Mutant("lock", "a door opens with its code only", "lock.py", "code == 1234", "code > 0", ("wrong/test_it.py",))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A small program, tested by the environment in use."""
    root = tmp_path_factory.mktemp("scratch") / "tree"
    for name, text in TESTS.items():
        file = root / "tests" / name / "test_it.py"
        file.parent.mkdir(parents=True)
        file.write_text(f"from lock import is_open\nfrom pytest import fixture\n{text}")
    (root / "tests" / "logs" / "conftest.py").write_text(LOG_WATCH)
    (root / "lock.py").write_text(CODE)
    (root / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = --import-mode=importlib\nmarkers = exhaustive: none\n"
    )
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (root / ".venv" / "bin" / "python").chmod(0o755)
    return Scratch(root)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.KILLED),
        ({"killed_by": ("right/test_it.py",)}, Verdict.SURVIVED),
        ({"killed_by": ("stuck/test_it.py",)}, Verdict.TIMED_OUT),
        ({"killed_by": ("stuck/test_it.py",), "by_timeout": True}, Verdict.KILLED),
        ({"killed_by": ("logs/test_it.py",)}, Verdict.KILLED),
        ({"killed_by": ("after/test_it.py",)}, Verdict.KILLED),
        ({"killed_by": ("before/test_it.py",)}, Verdict.BROKEN),
        ({"killed_by": ("none/test_it.py",)}, Verdict.BROKEN),
        ({"killed_by": ("red/test_it.py",)}, Verdict.BROKEN),
    ],
)
def test_a_mutant_is_killed_by_a_test_that_fails_and_by_nothing_else(
    scratch: Scratch, changes: Mapping[str, object], verdict: Verdict
) -> None:
    judged, _ = judge(scratch, replace(LOCK, **changes))  # type: ignore[arg-type]  # its own fields
    assert judged.verdict is verdict, judged.said
    assert judged.said.removeprefix("ERROR ").startswith("tests/") is (verdict is not Verdict.SURVIVED)
    assert (scratch.root / "lock.py").read_text() == CODE, "it is put back"


def test_a_verdict_counts_until_the_mutant_its_file_or_its_tests_change(tmp_path: Path) -> None:
    tree, kept = tmp_path / "tree", tmp_path / "verdicts"
    (tree / "tests" / "wrong").mkdir(parents=True)
    code, test = tree / "lock.py", tree / "tests" / "wrong" / "test_it.py"
    code.write_text(CODE)
    test.write_text(TESTS["wrong"])
    killed = Judged(LOCK.name, Verdict.KILLED, 1.5, "tests/wrong/test_it.py::test_it - assert not True")
    Verdicts(kept, tree).keep(LOCK, replace(killed, verdict=Verdict.SURVIVED))
    assert Verdicts(kept, tree).known([LOCK]) == {}, "one that survived is judged again"
    Verdicts(kept, tree).keep(LOCK, killed)
    kept.write_text(kept.read_text() + '\n{"digest": "stopped he')
    folder = replace(LOCK, name="folder", killed_by=("wrong",))
    Verdicts(kept, tree).keep(folder, replace(killed, name="folder"))
    assert {name: one for name, (one, _) in Verdicts(kept, tree).known([LOCK]).items()} == {"lock": killed}
    assert Verdicts(kept, tree).known([LOCK, folder]).keys() == {"lock", "folder"}
    assert Verdicts(kept, tree).known([replace(LOCK, new="code > 1")]) == {}
    for file in (code, test):
        before = file.read_text()
        file.write_text(f"{before}\n")
        assert Verdicts(kept, tree).known([LOCK, folder]) == {}
        file.write_text(before)
    assert Verdicts(kept, tree).known([LOCK, folder]).keys() == {"lock", "folder"}


BOUND = "MOST = 3\n\n\nclass Door:\n    def opens(self, tries: int) -> bool:\n        return tries < MOST\n"


def test_a_loaded_function_is_changed_where_it_is_and_a_bound_is_not(tmp_path: Path) -> None:
    file = tmp_path / "door.py"
    module: dict[str, Any] = {"__name__": "door"}
    exec(compile(BOUND, str(file), "exec"), module)  # noqa: S102  # as an import does
    opens = module["Door"]().opens
    assert not opens(7)
    assert not patch(file, BOUND, BOUND.replace("MOST = 3", "MOST = 30"))
    assert not patch(file, BOUND, BOUND.replace("class Door:", "class Door:\n    width = 1\n"))
    assert not opens(7)
    assert patch(file, BOUND, BOUND.replace("tries < MOST", "tries > MOST"))
    assert opens(7)


def test_a_mutant_that_does_not_fit_says_what_is_wrong() -> None:
    for wrong, says in (({"old": "gone"}, "0 times"), ({"old": "o"}, "has to stand once"), ({"new": "("}, "no Python")):
        with pytest.raises(MutantError, match=says):
            replace(LOCK, **wrong).applied_to(CODE)  # type: ignore[arg-type]


def test_a_copy_of_the_tree_loads_its_own_code_and_changes_nothing_in_the_tree(tmp_path: Path) -> None:
    tree, copy = tmp_path / "tree", tmp_path / "build" / "tree"
    texts = {
        "server/lock.py": CODE,
        "build/old.txt": "old",
        ".venv/bin/tool": f"#!{tree}/.venv/bin/python\n",
        ".venv/lib/python3/site-packages/tree.pth": f"{tree}/server\n",
        ".venv/lib/python3/site-packages/library.py": "",
    }
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    scratch = Scratch.of(tree, copy.parent, tree / ".venv")
    with scratch.without(replace(LOCK, file="server/lock.py")):
        assert "code > 0" in (copy / "server" / "lock.py").read_text()
    assert not (copy / "build").exists()
    assert (copy / ".venv" / "bin" / "tool").read_text() == f"#!{copy}/.venv/bin/python\n"
    assert (copy / ".venv/lib/python3/site-packages/tree.pth").read_text() == f"{copy}/server\n"
    assert {name: (tree / name).read_text() for name in texts} == texts
