"""The audit key and what it signs."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.checkpoints import KeptCheckpoint, SigningKey

AT = "2026-03-01T05:00:00.000000Z"


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path):
    file = tmp_path / "data" / "audit_key.pem"
    before = os.umask(0)
    try:
        first = SigningKey.load_or_create(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert SigningKey.load_or_create(file).public_key == first.public_key
    assert list(file.parent.iterdir()) == [file]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    file = tmp_path / "audit_key.pem"
    SigningKey.load_or_create(file)
    file.chmod(0o640)
    with pytest.raises(ProgramError, match="chmod 600"):
        SigningKey.load_or_create(file)


def test_a_damaged_key_is_named_and_not_replaced(tmp_path: Path):
    file = tmp_path / "audit_key.pem"
    file.touch(0o600)
    with pytest.raises(ProgramError, match="backup"):
        SigningKey.load_or_create(file)
    assert file.read_bytes() == b""


def test_a_signature_covers_all_of_a_checkpoint(tmp_path: Path):
    key = SigningKey.load_or_create(tmp_path / "1.pem")
    other = SigningKey.load_or_create(tmp_path / "2.pem")
    made = key.sign(3, 7, "a" * 64, AT)
    assert made.valid
    changes: list[dict[str, object]] = [
        {"number": 4},
        {"sequence": 8},
        {"hash": "b" * 64},
        {"at": AT.replace("2026", "2027")},
        {"public_key": other.public_key},
        {"public_key": "no base64"},
        {"signature": other.sign(3, 7, "a" * 64, AT).signature},
        {"signature": ""},
    ]
    assert not any(dataclasses.replace(made, **change).valid for change in changes)  # type: ignore[arg-type]


def test_a_checkpoint_comes_back_from_a_file_unless_it_was_changed(tmp_path: Path):
    made = SigningKey.load_or_create(tmp_path / "key.pem").sign(3, 7, "a" * 64, AT)
    file = tmp_path / "checkpoint.json"
    file.write_text(made.to_json())
    assert KeptCheckpoint.read(file) == [KeptCheckpoint(made)]
    file.write_text(made.to_json().replace('"sequence": 7', '"sequence": 6'))
    with pytest.raises(ProgramError, match="signature is wrong"):
        KeptCheckpoint.read(file)
    for content in ("", "[]", '{"sequence": 1}', "\xff"):
        file.write_text(content, encoding="latin-1")
        with pytest.raises(ProgramError, match="is not a checkpoint"):
            KeptCheckpoint.read(file)
    with pytest.raises(ProgramError, match="Cannot read"):
        KeptCheckpoint.read(tmp_path / "none.json")


def test_a_file_has_one_checkpoint_a_line_and_one_that_was_cut_off_is_left_out(tmp_path: Path):
    key, file = SigningKey.load_or_create(tmp_path / "key.pem"), tmp_path / "checkpoints.jsonl"
    first, second = (KeptCheckpoint(key.sign(number, 7 + number, "a" * 64, AT), b"stamp" * number) for number in (1, 2))
    file.write_text(first.line() + second.line()[:100] + "\n" + second.line())
    assert KeptCheckpoint.read(file) == [first, second]
