"""The notifier's texts."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.office.locale.alarm_formatting import AlarmFormatter
from cekalwatch.program.translations import Language

UNUSABLE_SHOWN_FOR: Final = timedelta(minutes=2)
"""How long it is said that travellers without a usable face have passed; then they have left the counter."""


class NotifierTexts(AlarmFormatter):
    """All that the notifier says in one language; times are those of `zone`, the site's, or of this PC."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        super().__init__("cekalwatch.notifier", language, zone)

    def unusable_line(self, notice: UnusableNotice | None, now: datetime) -> str:
        """Return one line about travellers without a usable face; empty without any, and once that was a while ago."""
        if notice is None or now - notice.last_seen_at > UNUSABLE_SHOWN_FOR:
            return ""
        return self.say(
            "UNUSABLE_FACE" if notice.passages == 1 else "UNUSABLE_FACES",
            count=notice.passages,
            counter=notice.counter,
            time=self.hour(notice.last_seen_at),
            reason=self.say(f"UNUSABLE_REASON_{notice.reason}"),
        )
