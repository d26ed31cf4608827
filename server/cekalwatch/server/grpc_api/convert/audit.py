"""Messages of the audit service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.scalars import timestamp
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.entry import Action, ActorKind, Link, ObjectKind, stamp
from cekalwatch.server.audit.export import ExportFormat
from cekalwatch.server.audit.problems import TrailProblem, TrailProblemKind
from cekalwatch.server.audit.search_terms import Position
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.fields import uuid as read_uuid
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.storage.audit.search import AuditPage
from cekalwatch.v1 import audit_pb2, audit_service_pb2
from cekalwatch.wire.bounds import MAX_WORD

DEFAULT_PAGE = 50
MAX_SHOWN_OBJECTS = 20
_KINDS = ProtoEnum(audit_pb2.AuditProblemKind, "AUDIT_PROBLEM_KIND", TrailProblemKind)
_FORMATS = ProtoEnum(audit_service_pb2.AuditExportFormat, "AUDIT_EXPORT_FORMAT", ExportFormat)
_OUTCOME = re.compile(rf"[A-Z_]{{1,{MAX_WORD}}}")
_TOKEN = re.compile(r"(-?[0-9]{1,18})-([0-9]{1,18})")
_PERSON = re.compile(rf"(?:{ActorKind.PERSON}|{ObjectKind.PERSON}):([0-9a-f-]{{36}})(?:@.*)?")


def person(value: str) -> UUID | str:
    """Read who is searched for: a key, or a sign-in name. Raises ARGUMENT_INVALID when none can be so long."""
    if len(value) > MAX_WORD:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "person")
    return read_uuid(value) or value.lower()


def key(value: str, field: str) -> str:
    """Read the key of an object, or an empty text; raises ARGUMENT_INVALID when none can be so long."""
    if len(value) > MAX_WORD or not value.isprintable():
        raise CekalwatchError(Code.ARGUMENT_INVALID, field)
    return value


def action(value: str) -> Action | None:
    """Read an action; None: any. Raises ARGUMENT_INVALID for one that there is not."""
    try:
        return Action(value) if value else None
    except ValueError:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "action") from None


def outcome(value: str) -> str:
    """Read an outcome, or an empty text; raises ARGUMENT_INVALID for what can be none."""
    if value and not _OUTCOME.fullmatch(value):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "outcome")
    return value


def span(
    request: audit_service_pb2.SearchAuditEntriesRequest | audit_service_pb2.ExportAuditEntriesRequest,
) -> tuple[str, str]:
    """Read a span of time as the trail writes moments, empty where open; raises ARGUMENT_INVALID."""
    since = _moment(request.start_time, "start_time") if request.HasField("start_time") else ""
    until = _moment(request.end_time, "end_time") if request.HasField("end_time") else ""
    if since and until and until <= since:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "end_time")
    return since, until


def position(token: str) -> Position | None:
    """Read the token of a page; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    found = _TOKEN.fullmatch(token)
    if not found:
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return Position(int(found[1]), int(found[2]))


def export_format(value: audit_service_pb2.AuditExportFormat.ValueType) -> ExportFormat:
    """Read the form of an export; raises ARGUMENT_INVALID for one that there is not."""
    if value == audit_service_pb2.AUDIT_EXPORT_FORMAT_UNSPECIFIED:
        return ExportFormat.JSONL
    found = _FORMATS.member(value)
    if found is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "format")
    return found


def search_page(
    found: AuditPage, limit: int, names: Mapping[UUID, str]
) -> audit_service_pb2.SearchAuditEntriesResponse:
    """Write a page of entries, as many as fit into an answer."""
    entries, _ = page((entry_message(one, MAX_SHOWN_OBJECTS) for _, one in found.found), len(found.found), limit)
    cut = len(entries) < len(found.found)
    rest = found.found[len(entries) - 1][0] if cut else found.next
    back = None if cut or found.complete or rest is None else timestamp(rest.at)
    return audit_service_pb2.SearchAuditEntriesResponse(
        entries=entries,
        next_page_token=f"{rest.moment}-{rest.sequence}" if rest else "",
        people=_people(names, (found.found[number][1] for number in range(len(entries)))),
        looked_back_to=back,
    )


def entry_answer(
    one: Link, checkpoint: Checkpoint | None, names: Mapping[UUID, str]
) -> audit_service_pb2.GetAuditEntryResponse:
    """Write an entry in full."""
    signed = audit_pb2.AuditCheckpoint()
    if checkpoint:
        signed = audit_pb2.AuditCheckpoint(
            number=checkpoint.number,
            sequence=checkpoint.sequence,
            sign_time=timestamp(checkpoint.signed_at),
            public_key=checkpoint.public_key,
        )
    return audit_service_pb2.GetAuditEntryResponse(
        entry=entry_message(one),
        hash=one.hash,
        previous_hash=one.previous_hash,
        checkpoint=signed if checkpoint else None,
        people=_people(names, [one]),
    )


def entry_message(one: Link, most_objects: int | None = None) -> audit_pb2.AuditEntry:
    """Write an entry; of a damaged one, what can be read."""
    objects, details = _objects(one), _json(one.details)
    return audit_pb2.AuditEntry(
        sequence=one.sequence,
        time=_timestamp_or_none(one.at),
        actor=str(one.actor),
        action=str(one.action),
        objects=objects[:most_objects],
        object_count=len(objects),
        outcome=str(one.outcome),
        details={str(name): str(value) for name, value in details.items()} if isinstance(details, dict) else {},
        damaged=not one.holds,
    )


def people_named(links: Iterable[Link]) -> set[UUID]:
    """Return the keys of the people whom entries name: who did it, and the first objects."""
    found = set()
    for one in links:
        for name in (str(one.actor), *_objects(one)[:MAX_SHOWN_OBJECTS]):
            if (matched := _PERSON.fullmatch(name)) and (key_found := read_uuid(matched[1])):
                found.add(key_found)
    return found


def verdict(
    entries: int, signed: int, problems: Iterable[TrailProblem], trusted: Iterable[str]
) -> audit_service_pb2.VerifyAuditTrailResponse:
    """Write what a check found."""
    return audit_service_pb2.VerifyAuditTrailResponse(
        verdict=audit_service_pb2.AuditVerdict(
            entries=entries,
            signed_entry=signed,
            problems=[
                audit_pb2.AuditProblem(kind=_KINDS.number(one.kind), first=one.first, last=one.last) for one in problems
            ],
            trusted_keys=sorted(trusted),
        )
    )


def _people(names: Mapping[UUID, str], links: Iterable[Link]) -> list[audit_pb2.AuditPerson]:
    return [
        audit_pb2.AuditPerson(person_id=str(one), display_name=names[one])
        for one in sorted(people_named(links))
        if one in names
    ]


def _moment(value: Timestamp, field: str) -> str:
    try:
        return stamp(value.ToDatetime(UTC))
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.ARGUMENT_INVALID, field) from None


def _timestamp_or_none(at: str) -> Timestamp | None:
    try:
        return timestamp(datetime.fromisoformat(at))
    except (TypeError, ValueError):
        return None


def _objects(one: Link) -> list[str]:
    found = _json(one.objects)
    return list(map(str, found)) if isinstance(found, list) else []


def _json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found
