"""The console's texts."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.console.locale.audit_words import AuditWords
from cekalwatch.console.locale.list_formatting import ListFormatter
from cekalwatch.office.client.refusals import meaning
from cekalwatch.program.translations import Language


class ConsoleTexts(ListFormatter):
    """All that the console says in one language; times are those of `zone`, the site's."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        super().__init__("cekalwatch.console", language, zone)
        self.audit = AuditWords(self)
        """Entries of the audit trail in words."""

    def share(self, value: float) -> str:
        """Return a share of passages, 0 to 1: one in so many where it is small."""
        if not 0 < value < 0.1:
            return f"{value:.2f}"
        count = f"{round(1 / value):,}"
        return self.say("ONE_IN", count=count.replace(",", ".") if self.language is Language.ID else count)

    def reason(self, code: str) -> str:
        """Return what a code of the server's error catalogue says of a record, a photograph or a source."""
        return meaning(code, self)
