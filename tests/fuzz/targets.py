"""What is fuzzed: each target takes any bytes, and lets nothing out but what is allowed to come of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message

from cekalwatch.contract.codec.alerts import SEARCH
from cekalwatch.contract.codec.imports import RECORD_REPORT
from cekalwatch.contract.codec.listed_subjects import WATCHLIST_FILTER
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.capture.session import placed
from cekalwatch.server.domain.captures import CameraClock
from cekalwatch.server.domain.orders.ban_order import BanOrder, JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import DataKey, KeyPurpose, Keyring
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.grpc_api import alert_requests as alerts
from cekalwatch.server.grpc_api.messages import page_size
from cekalwatch.server.grpc_api.servicers.capture import read_hello, read_message
from cekalwatch.server.grpc_api.servicers.watchlist import subjects
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import record_begun
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.server.recognition.photographs import LONG_SIDE, decode_photograph
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.watchlist.browser import SubjectView
from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.imports.upload import RecordAssembly
from cekalwatch.server.watchlist.sources.files.csv_table import CsvTable
from cekalwatch.server.watchlist.sources.files.sheet import SheetRequest
from cekalwatch.server.watchlist.sources.files.sheet import rows as sheet_rows
from cekalwatch.server.watchlist.sources.list_process import read_cells, written_row
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.settings import PageNames
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.watchlist.sources.web.json_page import by_path, read_page
from cekalwatch.v1 import alert_service_pb2, capture_service_pb2, watchlist_service_pb2
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.quality import measure
from cekalwatch.wire.bounds import MAX_CROP_PIXELS
from tests.fuzz.seeds import spreadsheet_with
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.messages import RUN
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import COLUMNS, ORDERS_FILE

KEYS = (DataKey(1, KeyPurpose.SEALING, bytes(32)), DataKey(2, KeyPurpose.MATCHING, bytes(32)))
ROWS = WatchlistRows(Keyring(lambda known: [key for key in KEYS if key.key_id not in known]))


def _later_message(message: capture_service_pb2.StreamFacesRequest) -> None:
    said, read = read_message(message)
    clock = CameraClock()
    clock.note(said.time, NOON, said.uptime)
    if isinstance(read, FaceCapture):
        placed(read, DEPARTURE, RUN, clock, NOON)


def convert(data: bytes) -> None:
    """A message as a client could send it: the first byte says of which kind."""
    if not data:
        return
    kinds: tuple[tuple[type[Message], Callable[[Any], object]], ...] = (
        (capture_service_pb2.StreamFacesRequest, read_hello),
        (
            capture_service_pb2.StreamFacesRequest,
            _later_message,
        ),
        (watchlist_service_pb2.ImportRecord, _record),
        (alert_service_pb2.SubscribeAlertsRequest, _subscription),
        (alert_service_pb2.ListAlertsRequest, _alert_page),
        (watchlist_service_pb2.ListSubjectsRequest, _subject_page),
        (watchlist_service_pb2.GetSubjectRequest, _subject),
    )
    kind, read = kinds[data[0] % len(kinds)]
    with suppress(DecodeError, CekalwatchError, Refused):
        read(kind.FromString(data[1:]))


def _record(message: watchlist_service_pb2.ImportRecord) -> None:
    begun = record_begun(message)
    if isinstance(begun, RecordAssembly):
        record = begun.record()
        kept_and_told(record.subject, record.order)
    else:
        RECORD_REPORT.write(begun).SerializeToString()


def kept_and_told(subject: Subject, order: BanOrder) -> None:
    """What was accepted is kept as it is, and can be told."""
    content = ROWS.content_hash(subject, order)
    assert ROWS.subject(ROWS.subject_row(subject)) == subject
    kept = ROWS.order(ROWS.order_row(order, content))
    assert kept == order
    file = SubjectFile(subject, (kept,), (), elsewhere=(kept,))
    judged = JudgedOrder(kept, judge(kept, replace(file, elsewhere=()), NOON, WIB, Law()), kept.valid_until)
    view = SubjectView(**vars(file), judged=(judged,), stale=frozenset(), also_under={})
    subjects.one_subject(view).SerializeToString()
    texts = (subject.name, *subject.aliases, subject.address, order.reason, order.order_id, subject.subject_id)
    assert all(text.isprintable() for text in texts)


def _subscription(message: alert_service_pb2.SubscribeAlertsRequest) -> None:
    alerts.agent_id(message.agent_id)
    alerts.alert_filter(message.filter)
    alerts.sequence(message.after_sequence)


def _subject_page(message: watchlist_service_pb2.ListSubjectsRequest) -> None:
    subjects.subject_page_token(message.page_token)
    WATCHLIST_FILTER.read(message.filter, Reading.STRICT)
    subjects.on_day(message.on_day, NOON, WIB)


def _subject(message: watchlist_service_pb2.GetSubjectRequest) -> None:
    subjects.subject_key(message.subject_id)
    subjects.photo_references(message.photo_references)


def _alert_page(message: alert_service_pb2.ListAlertsRequest) -> None:
    page_size(message.page_size, default=20)
    alerts.alert_filter(message.filter)
    SEARCH.read(message, Reading.STRICT)
    alerts.alert_page_token(message.page_token)


def pictures(data: bytes) -> None:
    """A crop (first byte even) or a photograph (odd), and after it the way to its quality.

    Ten more bytes say where the landmarks are.
    """
    if len(data) < 11:
        return
    picture: Picture
    try:
        if data[0] % 2:
            picture = decode_photograph(data[11:])
            assert max(picture.shape[:2]) <= LONG_SIDE
        else:
            picture = decode_crop(data[11:])
            assert picture.shape[0] * picture.shape[1] <= MAX_CROP_PIXELS
    except CekalwatchError:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2:] == (3,)
    height, width = picture.shape[:2]
    spots = np.frombuffer(data[1:11], np.uint8).reshape(5, 2).astype(np.float32) / 255
    landmarks = (spots * (width, height)).astype(np.float32)
    face = Face(0.0, 0.0, float(width), float(height), 0.9, landmarks)
    found = measure(picture, face)
    assert all(0 <= figure <= 1 for figure in (found.sharpness, found.brightness, found.score))
    with suppress(LandmarksError):
        assert align(picture, landmarks).shape == (112, 112, 3)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cekalwatch-fuzz-"))


def watchlist_folder(data: bytes) -> None:
    """A watchlist's `orders.csv`: as it is (first byte odd), or beneath the right first line (even)."""
    if not data:
        return
    header = b"" if data[0] % 2 else (";".join(COLUMNS) + "\n").encode()
    (_folder() / ORDERS_FILE).write_bytes(header + data[1:])
    mapper = RecordMapper(MappingSettings(), WIB)
    try:
        # What a confined process does with it, here, where it is watched.
        with CsvTable(_folder() / ORDERS_FILE, COLUMNS) as table:
            rows = list(table.rows())
            for row in rows:
                assert table.row_at(row.place) == row.cells
    except SourceUnavailable:
        return
    for row in rows:
        _crossed(
            mapper,
            f"line {row.line}",
            COLUMNS,
            None if row.cells is None else [row.cells.get(name, "") for name in COLUMNS],
        )


def watchlist_page(data: bytes) -> None:
    """A page of an application's orders in JSON."""
    try:
        page = read_page(data, "utf-8", PageNames())
    except SourceUnavailable:
        return
    mapper = RecordMapper(MappingSettings(), WIB)
    for number, raw in enumerate(page.orders):
        cells = [by_path(raw, path) for path in mapper.columns] if isinstance(raw, dict) else None
        _crossed(mapper, f"record {number}", mapper.columns, cells)


def watchlist_spreadsheet(data: bytes) -> None:
    """A spreadsheet: the file itself (first byte odd), or a sheet in a sound one (even)."""
    if not data:
        return
    file = _folder() / "orders.xlsx"
    file.write_bytes(data[1:] if data[0] % 2 else spreadsheet_with(data[1:]))
    mapper = RecordMapper(MappingSettings(), WIB)
    asked = SheetRequest(file=str(file), sheet="", header_within=50, columns=mapper.columns, other_columns="ignore")
    with suppress(SourceUnavailable):
        for number, cells in sheet_rows(asked):
            _crossed(mapper, f"row {number}", mapper.columns, cells)


def _crossed(mapper: RecordMapper, place: str, columns: Sequence[str], cells: Sequence[object] | None) -> None:
    """A row on its way out of the process that read it, and into records."""
    found = read_cells(written_row(cells))
    assert found is None or isinstance(found, list)
    _mapped(mapper, place, None if found is None else dict(zip(columns, found, strict=True)))


def _mapped(mapper: RecordMapper, place: str, row: dict[str, object] | None) -> None:
    try:
        mapped = mapper.read(row)
    except RecordError as error:
        report = mapper.refused(place, row, error).report
        RECORD_REPORT.write(report).SerializeToString()
        assert report.order_id.isprintable()
        return
    assert int(mapped.fingerprint([]), 16)
    kept_and_told(mapped.subject, mapped.order)
