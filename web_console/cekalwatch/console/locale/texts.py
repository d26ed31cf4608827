"""The console's texts."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.console.locale.audit_words import AuditWords
from cekalwatch.office.client.refusals import meaning
from cekalwatch.office.locale.trouble_formatting import TroubleFormatter
from cekalwatch.program.translations import Language
from cekalwatch.wire.vocabulary.orders import OrderFlag, OrderRule


class ConsoleTexts(TroubleFormatter):
    """All that the console says in one language; times are those of `zone`, the site's."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        super().__init__("cekalwatch.console", language, zone)
        self.audit = AuditWords(self)
        """Entries of the audit trail in words."""

    def reason(self, code: str) -> str:
        """Return what a code of the server's error catalogue says of a record, a photograph or a source."""
        return meaning(code, self)

    def rule(self, rule: str) -> str:
        """Return which rule an order breaks; one that only a newer server knows by its code."""
        return self.say(f"RULE_{rule}") if rule in set(OrderRule) else rule

    def flag(self, flag: str) -> str:
        """Return why an order is flagged; a flag that only a newer server knows by its code."""
        return self.say(f"FLAG_{flag}") if flag in set(OrderFlag) else flag
