"""Two demonstrations at once have nothing in common, and what ended ones left does not stay for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.demo.run_folder import run_folder
from tests.support.repository import ROOT

HOLDS = """
import sys
from pathlib import Path
from deploy.demo.run_folder import run_folder
with run_folder(Path(sys.argv[1])) as folder:
    (folder / "server.toml").write_text("mine")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_second_run_leaves_the_first_its_files(tmp_path: Path) -> None:
    parent = tmp_path / "demo"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDS, parent], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdin
        assert first.stdout
        theirs = Path(first.stdout.readline().strip())
        with run_folder(parent) as ours:
            assert ours != theirs
            assert (theirs / "server.toml").read_text() == "mine"
        first.stdin.close()
        assert first.wait(30) == 0
    with run_folder(parent):
        assert not theirs.exists(), "it has ended"


def test_a_run_begins_empty_and_its_logs_stay_until_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "scene.mp4").touch()
    (tmp_path / "logs").mkdir()
    with run_folder(tmp_path) as ours:
        assert [file.name for file in ours.iterdir()] == ["held"]
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["held", ours.name])
        (ours / "logs").mkdir()
    assert (ours / "logs").exists()
