"""Files that people are sent: backups, invitations, checkpoints of an auditor, rows of the law, packs of models."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pyrage

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.checkpoints import KeptCheckpoint
from cekalwatch.server.backup.archive import AgeIdentity, read_archive
from cekalwatch.server.backup.contents import Manifest
from cekalwatch.server.cli.watchlist.law import _read as law_row
from cekalwatch.vision.manifest import PackError, read_manifest
from cekalwatch.wire.invitation import DeviceInvitation, InvitationCode, InvitationError
from tests.support.builders.tar_headers import tar_header

MAX_NAME = 1_000


@cache
def _identity() -> AgeIdentity:
    return AgeIdentity.new()


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cekalwatch-fuzz-"))


def _file(data: bytes) -> Path:
    file = _folder() / "file"
    file.write_bytes(data)
    return file


def _members(data: bytes) -> bytes:
    """Return members with right checksums, of lines of NAME, the field of its size, its kind, and its content."""
    packed = bytearray()
    for line in data.split(b"\n"):
        name, size, kind, content = (*line.split(b"|", 3), b"", b"", b"", b"")[:4]
        packed += tar_header(name, size, kind[0] if kind else ord("0")) + content + bytes(-len(content) % 512)
    return bytes(packed)


def backup(data: bytes) -> None:
    """What is in a backup that somebody made to our public key (first byte even; 2: `_members`), or the file."""
    if not data:
        return
    packed = _members(data[1:]) if data[0] == 2 else data[1:]
    if data[0] % 2 == 0:
        sink = io.BytesIO()
        pyrage.encrypt_io(io.BytesIO(packed), sink, [_identity().key.to_public()])
        packed = sink.getvalue()
    parts: list[tuple[str, bytes]] = []
    with suppress(ProgramError):
        file = _file(packed)
        manifest, facts = read_archive(file, _identity(), lambda name, part: parts.append((name, part)))
        assert all(".." not in name and not name.startswith("/") for name, _ in parts)
        Manifest.read(manifest, facts, file)


def invitation(data: bytes) -> None:
    """An invitation's line (first byte even), or a code as it is typed (odd)."""
    text = data[1:].decode("utf-8", "replace")
    with suppress(InvitationError):
        if data[:1] and data[0] % 2:
            code = InvitationCode.parse(text)
            assert InvitationCode.parse(code.text).secret == code.secret
            return
        read = DeviceInvitation.parse(text)
        again = DeviceInvitation.parse(read.text)
        assert (again.identity, again.server, again.counters) == (read.identity, read.server, read.counters)


def checkpoints(data: bytes) -> None:
    """The file of an auditor's checkpoints."""
    with suppress(ProgramError):
        assert KeptCheckpoint.read(_file(data))


def law_file(data: bytes) -> None:
    """A row of the law that counsel sends, in TOML."""
    with suppress(ProgramError):
        law_row(_file(data))


def model_pack(data: bytes) -> None:
    """The manifest of a pack of models."""
    (_folder() / "manifest.json").write_bytes(data)
    with suppress(PackError):
        read_manifest(_folder())
