from __future__ import annotations

import re
import string
from enum import StrEnum
from pathlib import Path

import pytest

from cekalwatch.notifier.locale import translations
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.locale.translations import CATALOGUE, Language, translate
from cekalwatch.notifier.model.steps import Hindrance
from cekalwatch.notifier.model.updates import Cause
from cekalwatch.notifier.settings import ThemeName
from cekalwatch.server.domain.errors import Code
from cekalwatch.wire.vocabulary.adjudication import AlertState, Outcome, Reason, Step
from cekalwatch.wire.vocabulary.people import PersonRole

SOURCES = list(Path(translations.__file__).parents[1].rglob("*.py"))


def test_catalogue_is_total() -> None:
    assert set(CATALOGUE) == set(Phrase)
    assert all(set(texts) == set(Language) and all(texts.values()) for texts in CATALOGUE.values())


@pytest.mark.parametrize("phrase", Phrase)
def test_languages_fill_in_the_same_values(phrase: Phrase) -> None:
    fields = [
        {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in CATALOGUE[phrase].values()
    ]
    assert fields[0] == fields[1]


def test_no_phrase_claims_more_than_a_possible_match() -> None:
    of_confirmed_ones = {phrase for phrase in Phrase if phrase.endswith("_CONFIRMED")}
    texts = [text for phrase in set(Phrase) - of_confirmed_ones for text in CATALOGUE[phrase].values()]
    claims = re.compile(r"\b(hit|hits|akurat\w*|accuracy|confirmed|terkonfirmasi)\b|%", re.IGNORECASE)
    assert not [text for text in texts if claims.search(text)]
    assert "kemungkinan cocok" in translate(Phrase.VERIFY, Language.ID)
    assert "possible match" in translate(Phrase.VERIFY, Language.EN)


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("STATE_", AlertState),
        ("STEP_", Step),
        ("HINDRANCE_", Hindrance),
        ("OUTCOME_", Outcome),
        ("REASON_", Reason),
        ("CAUSE_", Cause),
        ("THEME_", ThemeName),
        ("ROLE_", PersonRole),
    ],
)
def test_every_value_that_is_shown_has_words(prefix: str, values: type[StrEnum]) -> None:
    assert {f"{prefix}{value}" for value in values} <= set(Phrase)


def test_every_phrase_is_used() -> None:
    composed = (
        "STATE_",
        "STEP_",
        "HINDRANCE_",
        "OUTCOME_",
        "REASON_",
        "REFUSED_",
        "CAUSE_",
        "THEME_",
        "SEX_",
        "ESCALATION_",
        "ROLE_",
    )
    sources = "".join(path.read_text() for path in SOURCES if not path.name.startswith(("catalogue_", "phrases")))
    unused = [
        phrase
        for phrase in Phrase
        if not phrase.startswith(composed) and not re.search(rf"Phrase\.{phrase}\b", sources)
    ]
    assert not unused


def test_every_refusal_that_has_words_is_one_of_the_servers() -> None:
    ours = {"UNREACHABLE", "FAILED", "ALERT_HELD_BY"}
    explained = {phrase.removeprefix("REFUSED_") for phrase in Phrase if phrase.startswith("REFUSED_")} - ours
    assert explained <= set(Code)
    adjudication = {Code.ALERT_HELD, Code.ALERT_NOT_CLAIMED, Code.ALERT_STATE_WRONG, Code.ALERT_CHANGED}
    adjudication |= {Code.REASON_INVALID, Code.NOTE_INVALID, Code.REFERENCE_INVALID, Code.ORDER_NOT_IN_FORCE}
    assert adjudication | {Code.FOLLOW_UP_MISSING, Code.TOO_MANY_FOLLOW_UPS, Code.SESSION_ENDED} <= explained
