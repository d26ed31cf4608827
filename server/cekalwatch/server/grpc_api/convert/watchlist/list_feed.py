"""Messages of the list that ports follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from cekalwatch.contract.codec.watchlist import FRESHNESS, ORDER, REFERENCE_FACE, SUBJECT
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.grpc_api.convert.common import KEY, text, timestamp, uuid
from cekalwatch.server.grpc_api.convert.watchlist.subjects import subject_key
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject, StoredReference
from cekalwatch.server.watchlist.list_feed import ListPosition
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_PAGE, PHOTO_CHUNK_BYTES

MAX_SITES = 64
SUBJECTS_AT_ONCE, SUBJECTS_AGAIN_AT_ONCE = 100, 500
"""Subjects of a page, where a message holds as many; when the list is read again, for which each page is recorded."""


def port_sites(port: pb.PortServer) -> frozenset[str]:
    """Read the sites of a port; raises ARGUMENT_INVALID."""
    if not 1 <= len(port.sites) <= MAX_SITES or not all(map(KEY.fullmatch, port.sites)):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "sites")
    return frozenset(port.sites)


def port_run(port: pb.PortServer) -> str:
    """Read the key of a port's program; raises RUN_ID_INVALID."""
    if uuid(port.run_id) is None:
        raise CekalwatchError(Code.RUN_ID_INVALID)
    return port.run_id


def port_versions(port: pb.PortServer) -> tuple[str, str]:
    """Read the versions of a port's model and program; raises ARGUMENT_INVALID."""
    return text(port.model_version, "model_version"), text(port.server_version, "server_version")


def list_message(state: str, freshness: Freshness, now: datetime) -> pb.FollowListResponse:
    """Write where the list stands."""
    return pb.FollowListResponse(state=state, freshness=FRESHNESS.write(freshness), server_time=timestamp(now))


def list_page(found: Sequence[ChangedSubject], after: ListPosition, limit: int) -> pb.ReadListResponse:
    """Write a page of the subjects that were found after a position, as far as they fit into a message."""
    subjects, more = page(map(listed_subject, found), len(found), limit)
    more = bool(subjects) and more
    if subjects:
        last = found[len(subjects) - 1]
        after = replace(after, version=last.version, subject_id=last.subject_id)
    after = replace(after, known=after.known if more else 0)
    return pb.ReadListResponse(subjects=subjects, position=after.text, more=more)


def listed_subject(one: ChangedSubject) -> pb.ListedSubject:
    """Write a subject as it stands in the list."""
    if one.file is None:
        return pb.ListedSubject(subject_id=one.subject_id, incomplete=one.held)
    standing = [order for order in one.file.orders if order.withdrawn_at is None]
    return pb.ListedSubject(
        subject_id=one.subject_id,
        subject=SUBJECT.write(one.file.subject),
        orders=map(_listed_order, standing),
        references=[
            pb.ListedReference(reference_id=face.reference_id, photo_sha256=face.photo_sha256)
            for face in one.file.references
        ],
        incomplete=bool(one.file.unreadable),
    )


def _listed_order(order: BanOrder) -> pb.ListedOrder:
    since = order.urgent_since
    return pb.ListedOrder(order=ORDER.write(order.shown), urgent_since=since.isoformat() if since else "")


def wanted_references(request: pb.FetchReferencesRequest) -> tuple[str, tuple[str, ...]]:
    """Read which photographs are asked for, of which subject; raises ARGUMENT_INVALID or SUBJECT_NOT_FOUND."""
    wanted = tuple(text(one, "reference_ids") for one in request.reference_ids)
    if not 1 <= len(wanted) <= MAX_PAGE or len(set(wanted)) < len(wanted) or not all(wanted):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "reference_ids")
    return subject_key(request.subject_id), wanted


def reference_pieces(stored: StoredReference) -> Iterator[pb.FetchReferencesResponse]:
    """Write a photograph in pieces, the first one with what was made of it."""
    pieces = range(0, max(1, len(stored.photo)), PHOTO_CHUNK_BYTES)
    for start in pieces:
        message = pb.FetchReferencesResponse(data=stored.photo[start : start + PHOTO_CHUNK_BYTES])
        if start == 0:
            message.reference.CopyFrom(REFERENCE_FACE.write(replace(stored.face, jpeg=stored.face_jpeg)))
            message.template = stored.template
        message.last = start == pieces[-1]
        yield message
