"""Which other systems of the office are told what happens."""

from __future__ import annotations

from cekalwatch.program.settings import Settings
from cekalwatch.server.notices.terms import NoticeTerms


class NoticeSection(Settings):
    """Notices to other systems."""

    notices: NoticeTerms = NoticeTerms()
    """Webhooks and syslog (docs/notices.md)."""
