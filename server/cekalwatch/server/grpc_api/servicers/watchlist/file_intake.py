"""Takes in a list file that a client sends in pieces, and says why one cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.watchlist.sources.files.content import Content
from cekalwatch.server.watchlist.sources.files.settings import Encoding
from cekalwatch.server.watchlist.sources.source import ColumnsWrong, SourceSealed, SourceTooCostly, SourceUnavailable
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_CHUNKS, MAX_LIST_FILE_BYTES, MAX_LIST_FILE_NAME, PHOTO_CHUNK_BYTES

MAX_TOLD: Final = 500
"""Characters of what a reader says."""
_DIGEST: Final = 64
_ENCODINGS: Final[MappingProxyType[int, Encoding]] = MappingProxyType(
    {
        pb.LIST_ENCODING_UNSPECIFIED: "utf-8",
        pb.LIST_ENCODING_UTF_8: "utf-8",
        pb.LIST_ENCODING_WINDOWS_1252: "windows-1252",
    }
)
_CODES: Final[tuple[tuple[type[SourceUnavailable], Code], ...]] = (
    (SourceSealed, Code.LIST_FILE_SEALED),
    (ColumnsWrong, Code.LIST_COLUMNS_WRONG),
    (SourceTooCostly, Code.SOURCE_TOO_COSTLY),
)


@dataclass(frozen=True)
class ListFile:
    """A file, and what is asked with it."""

    encoding: Encoding
    preview_digest: str
    """Empty: a preview is asked for."""


async def list_file(requests: AsyncIterator[pb.ImportListFileRequest]) -> tuple[ListFile, Content]:
    """Take a file in; raises LIST_FILE_EXPECTED, LIST_FILE_TOO_LARGE and ARGUMENT_INVALID."""
    begin: pb.ListFileBegin | None = None
    data, chunks = bytearray(), 0
    async for request in requests:
        kind = request.WhichOneof("message")
        if begin is None:
            if kind != "begin":
                raise CekalwatchError(Code.LIST_FILE_EXPECTED)
            begin = request.begin
            asked = _asked(begin)
        elif kind == "chunk" and len(request.chunk) <= PHOTO_CHUNK_BYTES and chunks < MAX_CHUNKS:
            chunks += 1
            data += request.chunk
            if len(data) > begin.size:
                raise CekalwatchError(Code.LIST_FILE_EXPECTED)
        elif kind == "end" and len(data) == begin.size:
            return asked, Content(begin.name, bytes(data))
        else:
            raise CekalwatchError(Code.LIST_FILE_EXPECTED)
    raise CekalwatchError(Code.LIST_FILE_EXPECTED)


def _asked(begin: pb.ListFileBegin) -> ListFile:
    if begin.size > MAX_LIST_FILE_BYTES:
        raise CekalwatchError(Code.LIST_FILE_TOO_LARGE)
    name, digest = begin.name, begin.preview_digest
    if not (0 < len(name) <= MAX_LIST_FILE_NAME and name.isprintable() and "/" not in name) or name in {".", ".."}:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "name")
    if len(digest) not in {0, _DIGEST} or begin.encoding not in _ENCODINGS:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "begin")
    return ListFile(_ENCODINGS[begin.encoding], digest)


def unreadable(error: SourceUnavailable) -> CekalwatchError:
    """Return the error for a file that is no list, with what its reader says."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Code.LIST_FILE_UNREADABLE)
    found = CekalwatchError(code)
    found.told = MappingProxyType({"detail": str(error)[:MAX_TOLD]})
    return found
