"""The console's texts."""

from __future__ import annotations

from datetime import tzinfo

from cekalwatch.office.locale.trouble_formatting import TroubleFormatter
from cekalwatch.program.translations import Language


class ConsoleTexts(TroubleFormatter):
    """All that the console says in one language; times are those of `zone`, the site's."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        super().__init__("cekalwatch.console", language, zone)
