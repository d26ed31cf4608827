"""The calls about the audit trail."""

from __future__ import annotations

from cekalwatch.contract.codec.audit import ENTRY_PAGE, FULL_ENTRY
from cekalwatch.contract.engine.call import Plain, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import audit_service_pb2 as pb

SEARCH_AUDIT_ENTRIES = call(pb.SearchAuditEntriesRequest, ENTRY_PAGE, rights.TRAIL)
GET_AUDIT_ENTRY = call(pb.GetAuditEntryRequest, FULL_ENTRY, rights.TRAIL)
VERIFY_AUDIT_TRAIL = call(pb.VerifyAuditTrailRequest, Plain(pb.VerifyAuditTrailResponse), rights.TRAIL)
EXPORT_AUDIT_ENTRIES = call(pb.ExportAuditEntriesRequest, Plain(pb.ExportAuditEntriesResponse), rights.TRAIL_EXPORT)
