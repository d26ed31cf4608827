"""What an installer asks of our own code on Windows; these tests run on Windows, or Wine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cekalwatch.program.platform.access import OTHERS_OR_WRITING
from cekalwatch.program.platform.installation import AT_THIS_PC, admit

pytestmark = [pytest.mark.windows, pytest.mark.slow]


def test_keys_can_be_read_by_who_sits_at_the_pc_and_by_nobody_else(tmp_path: Path) -> None:
    from cekalwatch.program.platform.windows import access_lists

    folder = tmp_path / "machine" / "tls" / "notifier"
    for account in ("", AT_THIS_PC):
        admit(account, folder)
        assert access_lists.others(folder, OTHERS_OR_WRITING) == []
    with pytest.raises(OSError, match=r".+"):
        admit(r"NOBODY\nowhere", tmp_path / "machine" / "tls" / "notifier")


def test_processes_are_found_by_their_program_and_ended() -> None:
    from cekalwatch.program.platform.windows import processes

    folder = Path(sys.executable).parent
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        assert child.pid in processes.running_below(folder)
        assert child.pid not in processes.running_below(folder / "another")
        processes.end([child.pid])
        assert child.wait(20) == 1
    processes.end([child.pid])
