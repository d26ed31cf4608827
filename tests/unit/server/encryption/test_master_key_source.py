"""The master key's sources: made privately, refused when others can read it, and never shown."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.encryption.master_key import MasterKey, SecretMasterKey
from cekalwatch.server.encryption.master_key_source import KeyCommand, KeyFile, KeyVariable, parse_source
from cekalwatch.server.settings.settings import ServerSettings

KEY = SecretMasterKey(b"k" * 32)


def refusal(source: object) -> str:
    with pytest.raises(ProgramError) as caught:
        source.read()  # type: ignore[attr-defined]
    assert caught.value.exit_code is Exit.CONFIG
    assert KEY.text not in str(caught.value)
    return str(caught.value)


def test_the_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path):
    before = os.umask(0)
    try:
        file = tmp_path / "data" / "master.key"
        made = KeyFile(file).read_or_make()
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KeyFile(file).read() == KeyFile(file).read_or_make() == made
    assert [path.name for path in file.parent.iterdir()] == ["master.key"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path, mode: int):
    file = tmp_path / "master.key"
    file.write_text(KEY.text)
    file.chmod(mode)
    message = refusal(KeyFile(file))
    assert f"chmod 600 {file}" in message
    file.chmod(0o400)
    assert KeyFile(file).read() == KEY


def test_a_missing_file_is_not_made_where_one_was_in_use(tmp_path: Path):
    assert "Put the file back" in refusal(KeyFile(tmp_path / "master.key"))
    assert list(tmp_path.iterdir()) == []


def test_programs_that_start_at_once_have_one_key(tmp_path: Path):
    found: list[MasterKey] = []
    threads = [
        threading.Thread(target=lambda: found.append(KeyFile(tmp_path / "master.key").read_or_make())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("content", [b"", b"short", KEY.text.encode()[:-4], b"\xff\xfe", b"!" * 44])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes):
    file = tmp_path / "master.key"
    file.write_bytes(content)
    file.chmod(0o600)
    assert str(file) in refusal(KeyFile(file))


def test_a_folder_in_the_files_place_is_named(tmp_path: Path):
    assert str(tmp_path) in refusal(KeyFile(tmp_path))


def test_the_environment_gives_the_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SITE_MASTER_KEY", KEY.text)
    assert parse_source("env:SITE_MASTER_KEY").read_or_make() == KEY
    monkeypatch.setenv("SITE_MASTER_KEY", KEY.text + "x")
    refusal(KeyVariable("SITE_MASTER_KEY"))
    monkeypatch.delenv("SITE_MASTER_KEY")
    assert "openssl rand -base64 32" in refusal(KeyVariable("SITE_MASTER_KEY"))


def test_a_command_prints_the_key_and_no_shell_reads_it(tmp_path: Path):
    source = parse_source(f"command:{sys.executable} -c 'import sys; print(sys.argv[1])' {KEY.text}")
    assert source.read() == KEY
    assert KEY.text not in source.name
    refusal(parse_source(f"command:echo {KEY.text}; touch {tmp_path / 'made'}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["raise SystemExit(3)", f"print('{KEY.text}' * 2)", "print('\\xff')", ""])
def test_a_command_that_fails_is_named(script: str):
    refusal(KeyCommand((sys.executable, "-c", script)))
    assert "Cannot run" in refusal(KeyCommand(("/no/such/program",)))


@pytest.mark.parametrize("text", [KEY.text, "file:", "env:", "command:", "command: ", "vault:x", "command:'open"])
def test_a_setting_that_names_no_source_is_refused_and_not_shown(text: str, tmp_path: Path):
    with pytest.raises(ProgramError, match="master_key_from") as caught:
        ServerSettings.load(None, data_dir=tmp_path, master_key_from=text)
    assert KEY.text not in str(caught.value)


def test_the_key_is_beside_the_data_unless_set_elsewhere(tmp_path: Path):
    assert ServerSettings.load(None, data_dir=tmp_path).master_key_source == KeyFile(tmp_path / "master.key")
    elsewhere = ServerSettings.load(None, data_dir=tmp_path, master_key_from="file:/etc/cekalwatch/master.key")
    assert elsewhere.master_key_source == KeyFile(Path("/etc/cekalwatch/master.key"))


def test_a_key_is_not_shown_by_accident():
    assert KEY.text not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
    assert re.fullmatch("[0-9a-f]{16}", KEY.key_id)
