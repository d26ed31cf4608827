"""What an installer asks of our own code on Windows; these tests run on Windows, or Wine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.notifier.cli.app import app
from cekalwatch.program.cli import enrolment
from cekalwatch.program.platform.access import OTHERS_OR_WRITING
from cekalwatch.program.platform.installation import AT_THIS_PC, admit
from cekalwatch.program.settings import SYSTEM_FOLDER
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode

pytestmark = [pytest.mark.windows, pytest.mark.slow]


def test_keys_can_be_read_by_who_sits_at_the_pc_and_by_nobody_else(tmp_path: Path) -> None:
    from cekalwatch.program.platform.windows import access_lists

    folder = tmp_path / "machine" / "tls" / "notifier"
    for account in ("", AT_THIS_PC):
        admit(account, folder)
        assert access_lists.others(folder, OTHERS_OR_WRITING) == []
    with pytest.raises(OSError, match=r".+"):
        admit(r"NOBODY\nowhere", tmp_path / "machine" / "tls" / "notifier")


def test_who_sets_a_pc_up_puts_the_key_where_those_who_work_there_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator, as docs/windows.md says it: the key went into their own profile."""
    identity = Identity(DeviceRole.NOTIFIER, "batam-center", "d1")
    for name, answer in (("_authority", b"authority"), ("_sign", b"certificate"), ("_checked", identity)):
        monkeypatch.setattr(enrolment, name, lambda *_, answer=answer: answer)
    invited = DeviceInvitation(identity, "server.local:50051", "server.local:50052", InvitationCode.new(b"authority"))
    (tmp_path / "d1.invitation").write_text(invited.text)
    try:
        done = CliRunner().invoke(app, ["init", "--invitation", str(tmp_path / "d1.invitation")])
        assert done.exit_code == 0, done.output
        assert (SYSTEM_FOLDER / "notifier.toml").exists()
        (key,) = Path(os.environ["SYSTEMDRIVE"] + "\\").glob("ProgramData/cekalwatch/tls/**/key.pem")
        assert key.is_relative_to(SYSTEM_FOLDER / "tls" / "notifier")
        assert not list(Path.home().rglob("key.pem"))
    finally:
        shutil.rmtree(SYSTEM_FOLDER)


def test_an_administrator_without_their_rights_is_told_how_to_have_them_and_gets_no_key(tmp_path: Path) -> None:
    """In the token of most programs of theirs, the group of administrators only denies."""
    import win32api
    import win32event
    import win32process
    import win32security

    from cekalwatch.program.platform.windows.access_lists import ADMINISTRATORS

    own = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32security.TOKEN_ALL_ACCESS)
    denied = [(win32security.ConvertStringSidToSid(ADMINISTRATORS), 0)]
    token = win32security.CreateRestrictedToken(own, 0, denied, None, None)
    code = InvitationCode.new(b"authority")
    invited = DeviceInvitation(Identity(DeviceRole.NOTIFIER, "port", "d1"), "127.0.0.1:1", "127.0.0.1:1", code)
    (tmp_path / "d1.invitation").write_text(invited.text)
    (tmp_path / "init.py").write_text(
        "import sys; sys.stderr = sys.stdout = open(sys.argv[1], 'w'); sys.argv[1:] = ['init', *sys.argv[2:]]\n"
        "from cekalwatch.notifier.__main__ import main\nmain()\n"
    )
    words = (sys.executable, "-I", tmp_path / "init.py", tmp_path / "told", "--invitation", tmp_path / "d1.invitation")
    line = subprocess.list2cmdline(words)
    started = (None, line, None, None, False, 0, None, str(tmp_path), win32process.STARTUPINFO())
    process = win32process.CreateProcessAsUser(token, *started)[0]
    assert win32event.WaitForSingleObject(process, 120_000) == win32event.WAIT_OBJECT_0
    assert "Run as administrator" in (tmp_path / "told").read_text()


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
