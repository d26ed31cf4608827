"""What ports and their centre send each other, list files that people send, and forms of browsers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Generator
from contextlib import suppress
from functools import cache

from google.protobuf.message import DecodeError
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Scope

from cekalwatch.console.pages.signing_in.session import own_path
from cekalwatch.console.request_context import read_form
from cekalwatch.console.security_middleware import MAX_FORM_BYTES
from cekalwatch.console.signing_in.pending_approvals import SECRETS, KeptForm
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.extensions.nist_source.package import PackageError, cell, read_package
from cekalwatch.program.confined.messages import Refusal
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.grpc_api.servicers import port_reports
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.centre import records
from cekalwatch.server.watchlist.sources.files.archive import MAX_TABLE_BYTES, SPREADSHEET, archive_answers
from cekalwatch.server.watchlist.sources.list_process import MAX_ROW_BYTES, read_cells, written_row
from cekalwatch.server.watchlist.sources.source import OfferedOrder, SourceUnavailable
from cekalwatch.v1 import list_feed_service_pb2, port_service_pb2
from tests.support.builders.alerts import DEPARTURE, NOON

PORT = Port(DEPARTURE.site, "port-1")
MAX_UNPACKED = 10
"""Files of one archive that are unpacked."""


def port_report(data: bytes) -> None:
    """A message of a port to its centre: the handshake (first byte even) or one after it (odd)."""
    with suppress(DecodeError, CekalwatchError, Refused):
        request = port_service_pb2.ReportAlertsRequest.FromString(data[1:])
        if not data or data[0] % 2 == 0:
            port_reports.hello(request)
            return
        told = port_reports.message(request, PORT, NOON)
        if isinstance(told, PortReport):
            assert told.alert.camera.site == PORT.site
            assert all(name.isprintable() for name in told.people.values())


def centre_list(data: bytes) -> None:
    """What a centre gives of a subject (first byte even), or a piece of a photograph (odd)."""
    if not data:
        return
    with suppress(DecodeError, SourceUnavailable):
        if data[0] % 2:
            piece = list_feed_service_pb2.FetchReferencesResponse.FromString(data[1:])
            digest = hashlib.sha256(piece.data).hexdigest()
            named = piece.reference.reference_id
            listed = list_feed_service_pb2.ListedReference(reference_id=named, photo_sha256=digest)
            assert len(records.photographs([listed], [piece], "model-1")) == 1
            return
        subject = list_feed_service_pb2.ListedSubject.FromString(data[1:])
        for item in records.subject_items(subject, _no_photographs):
            if isinstance(item, OfferedOrder):
                record = item.load()
                texts = (record.subject.name, *record.subject.aliases, record.order.order_id, record.order.reason)
                assert all(text.isprintable() for text in texts)


def _no_photographs(_: str, __: object) -> tuple[Photograph, ...]:
    return ()


def package(data: bytes) -> None:
    """A package of police: what a confined process reads of it, here, where it is watched."""
    with suppress(PackageError):
        found = read_package(data)
        assert sum(map(len, found.faces)) <= len(data)
        cells = [cell(text, "utf-8", "|") for text in found.texts.values()]
        assert read_cells(written_row(cells)) is not None or len(data) > MAX_ROW_BYTES


def list_archive(data: bytes) -> None:
    """An archive of a list: what a confined process does with it, here, where it is watched."""
    reading = archive_answers(json.dumps({"bytes": len(data)}).encode())
    with suppress(Refusal):
        answer = _answer(reading, None)
        if data:
            answer = _answer(reading, data)
        found = read_cells(answer)
        if found == SPREADSHEET or not isinstance(found, list):
            return
        for name, _ in found[:MAX_UNPACKED]:
            assert len(_answer(reading, name.encode())) <= MAX_TABLE_BYTES


def _answer(reading: Generator[bytes, bytes, None], asked: bytes | None) -> bytes:
    return next(reading) if asked is None else reading.send(asked)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def console_form(data: bytes) -> None:
    """The body of a form: as a browser writes one (first byte even), or with a file (odd); and what is kept of it."""
    if not data:
        return
    kind = b"multipart/form-data; boundary=x" if data[0] % 2 else b"application/x-www-form-urlencoded"
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", kind)]}

    async def receive() -> Message:
        return {"type": "http.request", "body": data[1:], "more_body": False}

    try:
        form, upload = _runner().run(read_form(Request(scope, receive), files=1))
    except (MultiPartException, HTTPException):
        return
    if upload:
        assert (upload.size or 0) <= MAX_FORM_BYTES
        _runner().run(upload.close())
    kept = KeptForm.of("/list", form)
    assert KeptForm.read(kept.written()) == kept
    for value in form.values():
        read = KeptForm.read(value)
        assert read is None or not set(SECRETS) & set(read.fields)
        path = own_path(value)
        assert path.startswith("/")
        assert not path.startswith(("//", "/\\"))
