"""What an installer asks of our own code on Windows; these tests run on Windows, or Wine."""

from __future__ import annotations

import subprocess
import sys
import time
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
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as child:
        ends = time.monotonic() + 60
        while child.pid not in processes.running_below(folder):  # its program is known once that is loaded
            assert time.monotonic() < ends
        assert child.pid not in processes.running_below(folder / "another")
        processes.end([child.pid])
        assert child.wait(60) == 1
    processes.end([child.pid])
