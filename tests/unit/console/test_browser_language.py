from __future__ import annotations

import pytest

from cekalwatch.console.console import asked_language
from cekalwatch.program.translations import Language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", Language.ID),
        ("en-US,en;q=0.9,id;q=0.8", Language.EN),
        ("nl, en;q=0.2, id;q=0.6", Language.ID),
        ("EN-gb", Language.EN),
        ("in-ID", Language.ID),
        ("id;q=0, en", Language.EN),
        ("id;q=0", None),
        ("zh-CN,zh;q=0.9", None),
        ("english, idn, en;q=2, id q=1", None),
        ("*", None),
        ("", None),
        ("zh," * 10_000 + "en", None),
    ],
)
def test_the_language_that_a_browser_wants_most_of_those_that_there_are(header: str, language: Language | None) -> None:
    assert asked_language(header) is language
