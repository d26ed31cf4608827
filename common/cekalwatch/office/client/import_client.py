"""Sends a list file to the server, and yields its answers. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from google.protobuf.message import Message

from cekalwatch.contract.calls.watchlist import IMPORT_LIST_FILE
from cekalwatch.contract.codec.imports import CORRECTION, ENCODINGS, FILE_ANSWER
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.imports import CellCorrection, FileAnswer
from cekalwatch.office.client.service_client import Token
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.bounds import PHOTO_CHUNK_BYTES
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer

DEADLINE_S: Final = 3600.0


@dataclass(frozen=True)
class SentFile:
    """A file to send."""

    name: str
    size: int
    encoding: str
    """One of ENCODINGS."""
    stream: BinaryIO


class ImportClient:
    """The calls that import a list. Each has a connection of its own, since it must not continue at another server by
    itself."""

    def __init__(self, dialer: Dialer, session: Token) -> None:
        self._dialer = dialer
        self._session = session

    def send(
        self,
        file: SentFile,
        preview_digest: str = "",
        corrections: Iterable[CellCorrection] = (),
        signed: Iterable[str] = (),
        word: str = "",
    ) -> Iterator[FileAnswer]:
        """Yield the server's answers: of a preview, or, with its digest, of the import.

        `word`: of a second person, for the `signed` orders in force that the import silences.
        """
        with self._dialer.another().channel() as channel:
            for answer in IMPORT_LIST_FILE.on(channel)(
                _requests(signed_import(file, preview_digest, signed).message, file, corrections),
                timeout=DEADLINE_S,
                metadata=bearer(self._session.token(), word),
            ):
                if (told := FILE_ANSWER.read(answer)) is not None:
                    yield told


def signed_import(file: SentFile, preview_digest: str, signed: Iterable[str]) -> Asked[Any]:
    """Return what begins an import, for which a second person signs where it silences these orders in force."""
    encoding, orders = ENCODINGS[file.encoding], sorted(signed)
    begin = pb.ListFileBegin(
        name=file.name, size=file.size, encoding=encoding, preview_digest=preview_digest, signed_orders=orders
    )
    return Asked(IMPORT_LIST_FILE, pb.ImportListFileRequest(begin=begin))


def _requests(begin: Message, file: SentFile, corrections: Iterable[CellCorrection]) -> Iterator[Message]:
    yield begin
    for one in corrections:
        yield pb.ImportListFileRequest(correction=CORRECTION.write(one))
    file.stream.seek(0)
    while chunk := file.stream.read(PHOTO_CHUNK_BYTES):
        yield pb.ImportListFileRequest(chunk=chunk)
    yield pb.ImportListFileRequest(end=pb.ListFileEnd())
