"""Where the audit trail's checkpoints go."""

from __future__ import annotations

from pathlib import Path

from cekalwatch.server.audit.terms import AuditTerms
from cekalwatch.server.settings.storage import StorageSection


class AuditSection(StorageSection):
    """The audit trail."""

    audit: AuditTerms = AuditTerms()
    """Where the checkpoints of the audit trail go as they are made (docs/audit.md)."""

    @property
    def checkpoint_file(self) -> Path:
        """The file that an auditor collects."""
        return self.audit.checkpoint_file or self.data_dir / "audit_checkpoints.jsonl"
