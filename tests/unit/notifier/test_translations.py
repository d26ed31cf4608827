from __future__ import annotations

import re
import string

import pytest

from cekalwatch.notifier.translations import CATALOGUE, Language, Phrase, translate
from cekalwatch.notifier.updates import Cause


def test_catalogue_is_total() -> None:
    assert set(CATALOGUE) == set(Phrase)
    assert all(set(texts) == set(Language) and all(texts.values()) for texts in CATALOGUE.values())


@pytest.mark.parametrize("phrase", Phrase)
def test_languages_fill_in_the_same_values(phrase: Phrase) -> None:
    fields = [
        {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in CATALOGUE[phrase].values()
    ]
    assert fields[0] == fields[1]


def test_every_cause_of_a_lost_connection_has_words() -> None:
    assert {f"CAUSE_{cause}" for cause in Cause} <= set(Phrase)


def test_no_phrase_claims_more_than_a_possible_match() -> None:
    texts = [text for languages in CATALOGUE.values() for text in languages.values()]
    claims = re.compile(r"\b(hit|hits|akurat\w*|accuracy|confirmed|terkonfirmasi)\b|%", re.IGNORECASE)
    assert not [text for text in texts if claims.search(text)]
    assert "kemungkinan cocok" in translate(Phrase.VERIFY, Language.ID)
    assert "possible match" in translate(Phrase.VERIFY, Language.EN)
