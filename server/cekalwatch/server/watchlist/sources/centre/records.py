"""Reads a centre's data: subjects with their orders, and photographs with their templates."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

from cekalwatch.contract.codec.imports import stated_order, stated_subject
from cekalwatch.contract.codec.watchlist import REFERENCE_FACE
from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.subjects import MAX_REFERENCES, Subject
from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.pictures.errors import PictureError
from cekalwatch.pictures.jpeg import read_plain_jpeg
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS, BanOrder
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.recognition.enrolment import MAX_FACE_JPEG_BYTES
from cekalwatch.server.storage.models.store import is_template
from cekalwatch.server.watchlist.imports.records import (
    ImportRecord,
    Photograph,
    RecordError,
    SuppliedFace,
    build_order,
    build_subject,
    check_keys,
    key,
)
from cekalwatch.server.watchlist.sources.source import (
    DeletedSubject,
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    WithdrawnOthers,
)
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.v1 import watchlist_pb2
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES, MAX_WORD

MAX_FACE_PIXELS = 1_000_000
MAX_RECORD_BYTES = 200_000_000
"""Photographs of one subject."""
MAX_PIECES = 10_000
"""Chunks of these photographs; a centre sends at most 128 kB in one."""
_WARNINGS = frozenset(EnrolmentWarning) - {EnrolmentWarning.ALSO_UNDER}
"""Look-alikes are searched here again, among the people listed here."""

Fetch = Callable[[str, Sequence[pb.ListedReference]], tuple[Photograph, ...]]
"""Returns the photographs of a subject."""


def subject_items(message: pb.ListedSubject, fetch: Fetch) -> list[SourceItem]:
    """Return what a centre says of one subject; its photographs go with the first of its orders that can be read."""
    subject_id = message.subject_id[:MAX_WORD]
    if not message.HasField("subject"):
        return [_unreadable(subject_id)] if message.incomplete else [DeletedSubject(subject_id)]
    found: list[SourceItem] = []
    references = tuple(message.references)
    orders = sorted(message.orders, key=lambda one: one.order.order_id)
    for listed in orders:
        try:
            subject, order = build_subject(**stated_subject(message.subject)), _order(listed)
            if subject.subject_id != message.subject_id:
                raise RecordError("subject_id")
            check_keys(subject, order)
        except RecordError as error:
            found.append(_refused(listed.order.order_id, subject_id, error))
            continue
        found.append(_offered(subject, order, references, fetch))
        references = ()
    if message.incomplete:
        found.append(_unreadable(subject_id))
    else:
        found.append(WithdrawnOthers(subject_id, frozenset(one.order.order_id for one in orders)))
    return found


def photographs(
    wanted: Sequence[pb.ListedReference], pieces: Iterable[pb.FetchReferencesResponse], model_version: str
) -> tuple[Photograph, ...]:
    """Assemble the chunks; a photograph that did not arrive becomes a `Photograph` with its problem.

    Raises SourceMisconfigured for chunks that were not requested, or that differ from the list.
    """
    listed = {one.reference_id: one.photo_sha256 for one in wanted}
    found: dict[str, Photograph] = {}
    begun: pb.FetchReferencesResponse | None = None
    data, total = bytearray(), 0
    for number, piece in enumerate(pieces):
        if number >= MAX_PIECES:
            raise _nonsense("photographs in too many pieces")
        if piece.HasField("reference"):
            begun, data = piece, bytearray()
        if begun is None:
            raise _nonsense("a photograph without its beginning")
        data += piece.data
        total += len(piece.data)
        if len(data) > MAX_PHOTO_BYTES or total > MAX_RECORD_BYTES:
            raise _nonsense("a photograph that is too large")
        if piece.last:
            name = begun.reference.reference_id
            if listed.get(name) != hashlib.sha256(data).hexdigest():
                raise _nonsense("a photograph that is not the one it lists")
            found[name] = Photograph(name, bytes(data), enrolled=_enrolled(begun, model_version))
            begun = None
    if begun is not None:
        raise _nonsense("a photograph without its end")
    missing = Code.PHOTO_MISSING
    return tuple(found.get(name) or Photograph(name, problem=missing) for name in listed)


def told_sources(freshness: watchlist_pb2.WatchlistFreshness) -> Mapping[str, datetime | None]:
    """Return when the centre's list was last updated from each of its own sources; None means never."""
    return {one.source[:MAX_SOURCE] or "import": _moment(one) for one in freshness.sources[:MAX_SOURCES]}


MAX_SOURCES = 16
MAX_SOURCE = 100


def _moment(one: watchlist_pb2.SourceFreshness) -> datetime | None:
    if not one.HasField("last_success_time"):
        return None
    try:
        return one.last_success_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        return None


def _order(listed: pb.ListedOrder) -> BanOrder:
    order = build_order(**stated_order(listed.order))
    if not listed.urgent_since:
        return order
    try:
        since = date.fromisoformat(listed.urgent_since)
    except ValueError:
        raise RecordError("received_on") from None
    if since.year not in PLAUSIBLE_YEARS:
        raise RecordError("received_on")
    return replace(order, urgent_since=since)


def _offered(subject: Subject, order: BanOrder, references: Sequence[pb.ListedReference], fetch: Fetch) -> OfferedOrder:
    if len(references) > MAX_REFERENCES:
        raise _nonsense("a subject with more photographs than there may be")
    digests = sorted(one.photo_sha256 for one in references)
    stated = repr((asdict(subject), asdict(order), digests))

    def load() -> ImportRecord:
        return ImportRecord(subject, order, fetch(subject.subject_id, references) if references else ())

    return OfferedOrder(order.order_id, subject.subject_id, hashlib.sha256(stated.encode()).hexdigest(), load)


def _refused(order_id: str, subject_id: str, error: RecordError) -> RefusedRow:
    try:
        return RefusedRow(RecordReport.refused(key("order_id", order_id), subject_id, error), keyed=True)
    except RecordError:
        return RefusedRow(RecordReport.refused(f"an order of {subject_id}", subject_id, error), keyed=False)


def _unreadable(subject_id: str) -> RefusedRow:
    """Return the row of a record that the centre cannot read: its order may still be valid."""
    return RefusedRow(RecordReport.refused(f"subject {subject_id}", subject_id, RecordError("row")), keyed=False)


def _enrolled(begun: pb.FetchReferencesResponse, model_version: str) -> SuppliedFace | None:
    """Return the centre's template of a photograph; None when it cannot be used, so that it is made here."""
    reference, template = REFERENCE_FACE.read(begun.reference), begun.template
    sound = all(math.isfinite(value) for value in asdict(reference.figures).values())
    if not template or not is_template(template) or not sound or len(reference.jpeg) > MAX_FACE_JPEG_BYTES:
        return None
    try:
        read_plain_jpeg(reference.jpeg, MAX_FACE_PIXELS)
    except PictureError:
        return None
    warnings = tuple(one for one in reference.warnings if one in _WARNINGS)
    return SuppliedFace(reference.jpeg, reference.figures, warnings, model_version, template)


def _nonsense(what: str) -> SourceMisconfigured:
    return SourceMisconfigured(f"The centre gives {what}: ask those who run it, and see that both have one version")
