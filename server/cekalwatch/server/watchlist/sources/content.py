"""A list in memory, as somebody sent it, and how its bytes reach the confined process that reads it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

PIECE_BYTES: Final = 1_000_000
OLD_OR_SEALED: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of encrypted Excel files, and of all Excel files before XLSX."""
_ARCHIVES: Final = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, eq=False)
class Content:
    """A file in memory."""

    name: str
    """Shown in messages; it is no path."""
    data: bytes

    @property
    def is_archive(self) -> bool:
        """Whether it begins as an archive, as spreadsheets do too."""
        return self.data.startswith(_ARCHIVES)

    @property
    def is_old_or_sealed(self) -> bool:
        """Whether it begins as a spreadsheet that nobody reads here."""
        return self.data.startswith(OLD_OR_SEALED)

    def pieces(self) -> Iterator[bytes]:
        """Yield it for a process that takes it in with `taken_in`."""
        for start in range(0, len(self.data), PIECE_BYTES):
            yield self.data[start : start + PIECE_BYTES]


def taken_in(size: int, answer: bytes) -> Generator[bytes, bytes, BytesIO]:
    """Take in a file of `size` bytes in a confined process, with an `answer` before each piece, and return it."""
    content = BytesIO()
    while content.tell() < size:
        content.write((yield answer))
    content.seek(0)
    return content
