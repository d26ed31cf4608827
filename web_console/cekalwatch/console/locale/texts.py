"""The console's texts."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from cekalwatch.console.locale.audit_words import AuditWords
from cekalwatch.console.locale.list_formatting import ListFormatter
from cekalwatch.contract.values.reports import Rate, Waits
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
            return self.number(value, ".2f")
        return self.say("ONE_IN", count=round(1 / value))

    def rate(self, rate: Rate) -> str:
        """Return a measured share; one of nothing as 0."""
        if not rate.measured:
            return self.say("NOT_MEASURED")
        return self.share(rate.value) if rate.value else "0"

    def interval(self, rate: Rate) -> str:
        """Return the 95 % interval of a measured share."""
        if not rate.measured:
            return "–"
        return " – ".join(self.share(one) if one else "0" for one in (rate.low, rate.high))

    def waits(self, waits: Waits) -> str:
        """Return how long alerts waited for something."""
        if not waits.count:
            return self.say("NOT_MEASURED")
        middle, most = (self.duration(timedelta(seconds=one)) for one in (waits.p50_s, waits.p95_s))
        if waits.count == 1:
            return self.say("WAITS_ONE", wait=middle)
        return self.say("WAITS", middle=middle, most=most, count=waits.count)

    def reason(self, code: str) -> str:
        """Return what a code of the server's error catalogue says of a record, a photograph or a source."""
        return meaning(code, self)
