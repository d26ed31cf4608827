"""Every phrase on screen, in Indonesian and English. An alert is a possible match, and is never called more."""

from __future__ import annotations

from enum import StrEnum

from cekalwatch.notifier.locale import catalogue_board, catalogue_desktop, catalogue_session, catalogue_work
from cekalwatch.notifier.locale.phrases import Phrase


class Language(StrEnum):
    """A language of the screens."""

    ID = "id"
    EN = "en"


CATALOGUE: dict[Phrase, dict[Language, str]] = {
    phrase: {Language.ID: indonesian, Language.EN: english}
    for texts in (catalogue_board.TEXTS, catalogue_session.TEXTS, catalogue_work.TEXTS, catalogue_desktop.TEXTS)
    for phrase, (indonesian, english) in texts.items()
}


def translate(phrase: Phrase, language: Language, **values: object) -> str:
    """Return the phrase's text with `values` in its braces; raises KeyError when one of them is missing."""
    return CATALOGUE[phrase][language].format(**values)
