"""The calls about the audit trail, as plain values. Protobuf and unsafe text stop here; errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.office.client.token import Token
from cekalwatch.v1 import audit_pb2, session_pb2
from cekalwatch.v1 import audit_service_pb2 as pb
from cekalwatch.v1.audit_service_pb2_grpc import AuditServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer

LONG_S = 3600.0
"""A check or an export of a long trail."""
FORMATS: Final[Mapping[str, pb.AuditExportFormat.ValueType]] = {
    "jsonl": pb.AUDIT_EXPORT_FORMAT_JSONL,
    "csv": pb.AUDIT_EXPORT_FORMAT_CSV,
}


@dataclass(frozen=True)
class TrailQuery:
    """What is searched for; empty fields: anything."""

    person: str = ""
    subject: str = ""
    alert: str = ""
    action: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""


@dataclass(frozen=True)
class TrailEntry:
    """An entry of the trail; texts are safe to show."""

    sequence: int
    at: datetime | None
    """None: it is damaged."""
    actor: str
    action: str
    objects: tuple[str, ...]
    object_count: int
    """With those that are not among `objects`."""
    outcome: str
    details: tuple[tuple[str, str], ...]
    damaged: bool


@dataclass(frozen=True)
class TrailPage:
    """A page of entries, newest first."""

    entries: tuple[TrailEntry, ...]
    token: str
    """For the next page; empty at the end."""
    names: Mapping[str, str]
    """Of people, by key."""
    looked_back_to: datetime | None
    """How far a page looked that is short and not the last; else None."""


@dataclass(frozen=True)
class FullEntry:
    """An entry with what signs it."""

    entry: TrailEntry
    hash: str
    previous_hash: str
    checkpoint: tuple[int, int, datetime] | None
    """Number, entry and moment of the first checkpoint at or after it."""
    names: Mapping[str, str]


@dataclass(frozen=True)
class Progress:
    """How far a check is."""

    checked: int
    total: int


@dataclass(frozen=True)
class Verdict:
    """What a check found."""

    entries: int
    signed: int
    problems: tuple[tuple[str, int, int], ...]
    """Kind, first and last entry."""


@dataclass
class Export:
    """An export that has begun: `parts` are to be read to the end, then the rest is there."""

    parts: Iterable[bytes]
    checkpoint: str = field(default="", init=False)
    """One line of JSON; empty: there is none."""


class AuditClient(ServiceClient[AuditServiceStub]):
    """An auditor's calls. It may be used from several threads."""

    stub = AuditServiceStub

    def __init__(self, calls: Calls, dialer: Dialer, session: Token) -> None:
        super().__init__(calls, session)
        self._dialer = dialer

    def search(self, query: TrailQuery, size: int, token: str) -> TrailPage:
        """Return a page of entries."""
        request = pb.SearchAuditEntriesRequest(
            person=query.person,
            subject_id=query.subject,
            alert_id=query.alert,
            action=query.action,
            outcome=query.outcome,
            start_time=_stamp(query.since),
            end_time=_stamp(query.until),
            page_size=size,
            page_token=token,
        )
        answer = self._call(lambda stub: stub.SearchAuditEntries, request)
        return TrailPage(
            tuple(map(_entry, answer.entries)),
            str(answer.next_page_token),
            _names(answer.people),
            _moment(answer, "looked_back_to"),
        )

    def entry(self, sequence: int) -> FullEntry:
        """Return one entry in full."""
        answer = self._call(lambda stub: stub.GetAuditEntry, pb.GetAuditEntryRequest(sequence=sequence))
        mark, signed_at = answer.checkpoint, _moment(answer.checkpoint, "sign_time")
        return FullEntry(
            _entry(answer.entry),
            safe_text(answer.hash),
            safe_text(answer.previous_hash),
            (mark.number, mark.sequence, signed_at) if signed_at else None,
            _names(answer.people),
        )

    def verify(self) -> Iterator[Progress | Verdict]:
        """Check the whole trail; yield how far it is, and last what was found."""
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token())
            stub = AuditServiceStub(channel)
            for answer in stub.VerifyAuditTrail(pb.VerifyAuditTrailRequest(), timeout=LONG_S, metadata=metadata):
                if answer.HasField("verdict"):
                    yield _verdict(answer.verdict)
                else:
                    yield Progress(answer.progress.checked, answer.progress.total)

    @staticmethod
    def wanted(since: datetime | None, until: datetime | None, form: str) -> JointRequest:
        """Return what two people sign for who export entries; `form` is one of FORMATS."""
        request = pb.ExportAuditEntriesRequest(start_time=_stamp(since), end_time=_stamp(until), format=FORMATS[form])
        return JointRequest(session_pb2.TWO_PERSON_ACTION_EXPORT_AUDIT, request)

    def export(self, wanted: JointRequest, word: str) -> Export:
        """Begin an export, with the word of a second person."""
        parts = self._parts(cast("pb.ExportAuditEntriesRequest", wanted.request), word)
        export = Export(())
        first = next(parts)  # a refusal comes here
        export.parts = self._read(first, parts, export)
        return export

    def _parts(self, request: pb.ExportAuditEntriesRequest, word: str) -> Iterator[pb.ExportAuditEntriesResponse]:
        with self._dialer.another().channel() as channel:
            metadata = bearer(self._session.token(), word)
            yield from AuditServiceStub(channel).ExportAuditEntries(request, timeout=LONG_S, metadata=metadata)

    @staticmethod
    def _read(
        first: pb.ExportAuditEntriesResponse, others: Iterator[pb.ExportAuditEntriesResponse], export: Export
    ) -> Iterator[bytes]:
        answer = first
        while not answer.HasField("end"):
            yield answer.data
            answer = next(others)
        export.checkpoint = answer.end.checkpoint


def _entry(one: audit_pb2.AuditEntry) -> TrailEntry:
    return TrailEntry(
        sequence=one.sequence,
        at=_moment(one, "time"),
        actor=safe_text(one.actor),
        action=safe_text(one.action),
        objects=tuple(map(safe_text, one.objects)),
        object_count=one.object_count,
        outcome=safe_text(one.outcome),
        details=tuple(sorted((safe_text(name), safe_text(value)) for name, value in one.details.items())),
        damaged=one.damaged,
    )


def _names(people: Iterable[audit_pb2.AuditPerson]) -> dict[str, str]:
    return {one.person_id: safe_text(one.display_name) for one in people}


def _verdict(one: pb.AuditVerdict) -> Verdict:
    names = audit_pb2.AuditProblemKind
    return Verdict(
        one.entries,
        one.signed_entry,
        tuple(
            (names.Name(found.kind).removeprefix("AUDIT_PROBLEM_KIND_"), found.first, found.last)
            if found.kind in names.values()
            else ("UNSPECIFIED", found.first, found.last)
            for found in one.problems
        ),
    )


def _stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def _moment(message: Any, name: str) -> datetime | None:  # noqa: ANN401  # of any message
    if not message.HasField(name):
        return None
    value: Timestamp = getattr(message, name)
    return value.ToDatetime(UTC)
