"""The archive: what goes in comes out, as a stream, and what is no archive of ours is refused."""

from __future__ import annotations

import io
import os
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.backup.archive import AgeIdentity, FileFacts, read_archive, write_archive
from tests.support.builders.tar_headers import tar_header

MEGABYTE = 1 << 20


def described(facts: dict[str, FileFacts]) -> bytes:
    return repr(sorted(facts)).encode()


@pytest.fixture(scope="module")
def identity() -> AgeIdentity:
    return AgeIdentity.new()


def sealed(file: Path, identity: AgeIdentity, *members: tuple[str, bytes]) -> Path:
    """Make an age file with a tar archive of these members."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    file.write_bytes(pyrage.encrypt(plain.getvalue(), [identity.key.to_public()]))
    return file


@pytest.mark.parametrize("size", [0, 1, 4 * MEGABYTE, 4 * MEGABYTE + 1])
def test_files_come_out_as_they_went_in(tmp_path: Path, identity: AgeIdentity, size: int) -> None:
    file, content, found = tmp_path / "one.age", os.urandom(size), bytearray()
    with file.open("wb") as out:
        write_archive(out, [("database", [content[:100], content[100:]])], described, [identity.public])
    manifest, facts = read_archive(file, identity, lambda _name, part: found.extend(part))
    assert (bytes(found), manifest) == (content, b"['database']")
    assert facts["database"].size == size


def test_any_tar_reads_it(tmp_path: Path, identity: AgeIdentity) -> None:
    file = tmp_path / "one.age"
    with file.open("wb") as out:
        write_archive(out, [("keys/master.key", [b"secret"])], described, [identity.public])
    plain = io.BytesIO(pyrage.decrypt(file.read_bytes(), [identity.key]))
    with tarfile.open(fileobj=plain) as archive:
        assert archive.getnames() == ["keys/master.key/000000", "manifest.json"]
        assert {member.mode for member in archive} == {0o600}


@pytest.mark.slow
def test_it_is_never_in_memory_as_a_whole(tmp_path: Path, identity: AgeIdentity) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(64):
            yield os.urandom(MEGABYTE)

    file = tmp_path / "large.age"
    tracemalloc.start()
    try:
        with file.open("wb") as out:
            write_archive(out, [("database", chunks())], described, [identity.public])
        read_archive(file, identity)
        assert tracemalloc.get_traced_memory()[1] < 24 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["../evil/000000", "/etc/passwd/000000", "a/../b/000000", ".hidden/000000", "database"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, identity: AgeIdentity, name: str) -> None:
    taken: list[str] = []
    file = sealed(tmp_path / "evil.age", identity, (name, b"x"), ("manifest.json", b"{}"))
    with pytest.raises(ProgramError) as caught:
        read_archive(file, identity, lambda name, _part: taken.append(name))
    assert (caught.value.exit_code, taken) == (Exit.DATA_PROBLEMS, [])


def test_something_else_that_was_encrypted_is_refused(tmp_path: Path, identity: AgeIdentity) -> None:
    file = tmp_path / "letter.age"
    file.write_bytes(pyrage.encrypt(b"Dear Sir or Madam, " * 100, [identity.key.to_public()]))
    with pytest.raises(ProgramError, match="something else is in it"):
        read_archive(file, identity)
    with pytest.raises(ProgramError, match="is no whole backup"):
        read_archive(sealed(tmp_path / "cut.age", identity, ("database/000000", b"x")), identity)


@pytest.mark.parametrize("size", [b"-777", b"\xff" * 10 + b"\xfe\x01", b"\x80" + bytes(6) + b"\x10" + bytes(4)])
def test_a_size_that_none_can_have_is_refused(tmp_path: Path, identity: AgeIdentity, size: bytes) -> None:
    """Anybody can encrypt to the public key, and the signature comes last. A size of -512 was read for ever."""
    taken: list[str] = []
    header = tar_header(b"database/000000", size)
    file = tmp_path / "evil.age"
    file.write_bytes(pyrage.encrypt(header + bytes(1024), [identity.key.to_public()]))
    with pytest.raises(ProgramError, match="something else is in it"):
        read_archive(file, identity, lambda name, _part: taken.append(name))
    assert taken == []


def test_what_follows_the_manifest_is_not_kept(tmp_path: Path, identity: AgeIdentity) -> None:
    file = sealed(tmp_path / "tail.age", identity, ("manifest.json", b"{}"))
    plain = pyrage.decrypt(file.read_bytes(), [identity.key])
    file.write_bytes(pyrage.encrypt(plain + bytes(32 * MEGABYTE), [identity.key.to_public()]))
    tracemalloc.start()
    try:
        assert read_archive(file, identity)[0] == b"{}"
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_key_file_is_read_as_age_keygen_writes_it(tmp_path: Path, identity: AgeIdentity) -> None:
    file = tmp_path / "backup.key"
    file.write_text(f"# created: 2026-11-26T02:00:00+07:00\n{identity.text}")
    file.chmod(0o600)
    assert AgeIdentity.read(file).public == identity.public
    file.chmod(0o644)
    with pytest.raises(ProgramError, match="Others can read the private key"):
        AgeIdentity.read(file)
    file.write_text("no key")
    file.chmod(0o600)
    with pytest.raises(ProgramError, match="no private key of age"):
        AgeIdentity.read(file)
