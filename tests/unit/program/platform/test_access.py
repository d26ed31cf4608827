from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.checks.machine import check_secrets, check_settings
from cekalwatch.program.checks.results import CheckVerdict
from cekalwatch.program.platform import secrets
from cekalwatch.program.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")


def test_check_says_what_it_looked_at(tmp_path: Path) -> None:
    key, record = tmp_path / "my key", tmp_path / "record"
    key.touch(0o640)
    record.touch(0o600)
    files = {"the key": key, "the record": record, "the session": tmp_path / "none"}
    assert check_secrets(files) == (CheckVerdict.OK, "looked at the key (mode 0640), the record (mode 0600)")
    record.chmod(0o604)
    verdict, text = check_secrets(files)
    assert verdict is CheckVerdict.FAIL
    assert text == f"others can get at the record, {record} (mode 0604): run chmod 600 {record}"
    key.chmod(0o660)
    assert check_secrets(files)[1].endswith(f"(mode 0660): run chmod 600 '{key}'")
    assert check_secrets({"the key": tmp_path / "none"}) == (CheckVerdict.OK, "none is there yet")


class Sample(Settings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")
    source_password_file: str = ""
    source_password: str = ""


def test_a_file_that_names_the_file_of_a_password_has_none_in_it(tmp_path: Path) -> None:
    """The installer of a capture host wrote one, and `check` wanted to take it away from the service."""
    file = tmp_path / "sample.toml"
    file.write_text('source_password_file = "/etc/cekalwatch/password"\n')
    file.chmod(0o644)
    assert check_settings(Sample.load_with_sources(file)) == (CheckVerdict.OK, str(file))
    file.write_text('source_password = "secret"\n')
    verdict, text = check_settings(Sample.load_with_sources(file))
    assert (verdict, text.endswith(f"run chmod 640 {file}")) == (CheckVerdict.FAIL, True)


def test_a_key_that_windows_sealed_is_no_key_elsewhere(tmp_path: Path) -> None:
    assert secrets.protected(b"key", tmp_path / "key") == b"key"
    with pytest.raises(OSError, match="protected by Windows"):
        secrets.opened(secrets.MAGIC + b"sealed")
