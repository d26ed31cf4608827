"""The audit trail: searches, entries, checks and the forms of exports."""

from __future__ import annotations

import re

from cekalwatch.contract.codec.converters import unchanged
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.values.audit import (
    ExportFormat,
    FullEntry,
    TrailCheckpoint,
    TrailEntry,
    TrailPage,
    TrailProblem,
    TrailProgress,
    TrailQuery,
    TrailVerdict,
)
from cekalwatch.v1 import audit_pb2
from cekalwatch.v1 import audit_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_WORD

_OUTCOME = re.compile(rf"[A-Z_]{{0,{MAX_WORD}}}")
EXPORT_FORMATS = bound_enum(ExportFormat, pb.AuditExportFormat.DESCRIPTOR)
QUERY = Codec(
    TrailQuery,
    pb.SearchAuditEntriesRequest,
    names={"subject": "subject_id", "alert": "alert_id", "since": "start_time", "until": "end_time"},
    special={
        "person": unchanged(lambda content: len(content) <= MAX_WORD),
        "action": unchanged(),
        "outcome": unchanged(lambda content: bool(_OUTCOME.fullmatch(content))),
    },
    unread=("page_size", "page_token"),
)
"""Which actions there are is the server's to say."""
ENTRY = Codec(TrailEntry, audit_pb2.AuditEntry, names={"at": "time"})
ENTRY_PAGE = Codec(TrailPage, pb.SearchAuditEntriesResponse, names={"token": "next_page_token"}, parts=(ENTRY,))
FULL_ENTRY = Codec(
    FullEntry,
    pb.GetAuditEntryResponse,
    parts=(ENTRY, Codec(TrailCheckpoint, audit_pb2.AuditCheckpoint, names={"signed_at": "sign_time"})),
)
CHECK: OneOf[TrailProgress | TrailVerdict, pb.VerifyAuditTrailResponse] = OneOf(
    pb.VerifyAuditTrailResponse,
    {
        "progress": Codec(TrailProgress, pb.AuditProgress),
        "verdict": Codec(
            TrailVerdict,
            pb.AuditVerdict,
            names={"signed": "signed_entry"},
            parts=(Codec(TrailProblem, audit_pb2.AuditProblem, local=("words",)),),
        ),
    },
)
