"""Which long parts of the tests CI runs (`.ci/parts.py`)."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

from tests.support.repository import ROOT

_SPEC = importlib.util.spec_from_file_location("ci_parts", ROOT / ".ci" / "parts.py")
assert _SPEC
assert _SPEC.loader
ci = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ci)


def test_what_changed_and_fits_is_run_and_the_rest_says_why() -> None:
    known = {name: {"inputs": "then", "minutes": 10.0} for name in ("same", "changed", "long")}
    known["long"]["minutes"] = 40.0
    now = {"same": "then", "changed": "now", "unknown": "now", "long": "now"}
    run, out = ci.due(60.0, known, now)
    assert run == ["changed", "unknown"]
    assert out.keys() == {"same", "long"}
    assert "nothing that it tests changed" in out["same"]
    assert "60 minutes, and 15 are left" in out["long"]


def test_inputs_are_the_committed_files_of_a_part(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def committed(path: str, text: str) -> str:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        git("add", ".")
        git("commit", "--message", path)
        return str(ci.inputs("trial", tmp_path))

    git("init")
    first = committed("docs/two-ports.md", "One.")
    assert committed("docs/limits.md", "Another page.") == first
    assert committed("docs/two-ports.md", "Two.") != first


def test_every_part_is_a_target_and_has_the_paths_that_decide() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for part, paths in ci.PARTS.items():
        assert f"\n{part}: " in makefile
        assert [path for path in paths if not (ROOT / path).exists()] == []
