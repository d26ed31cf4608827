"""A problem in words, with its numbers as the language writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.office.locale.trouble_formatting import TroubleFormatter
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_troubles import make_trouble


def test_numbers_of_a_problem_have_the_marks_of_the_language() -> None:
    told = {"machine": "10.0.0.7", "reason": "PORT_IN_USE", "offset_s": "-12.5"}
    wrong = replace(make_trouble(TroubleKind.CAMERA_CLOCK_WRONG), details=told)
    refused = replace(make_trouble(TroubleKind.SERVER_REFUSED), details=told)
    indonesian, english = (TroubleFormatter("cekalwatch.notifier", language) for language in Language)
    assert indonesian.trouble(wrong) == "jam kamera meleset −12,5 detik"
    assert english.trouble(wrong) == "the camera's clock is wrong by −12.5 s"
    assert "10.0.0.7 (PORT_IN_USE)" in indonesian.trouble(refused)


def test_rights_that_were_given_stand_at_their_entry_of_the_audit_trail() -> None:
    given = replace(make_trouble(TroubleKind.RIGHTS_GIVEN), about="audit 216", counter="")
    indonesian, english = (TroubleFormatter("cekalwatch.notifier", language) for language in Language)
    assert (indonesian.trouble_place(given), english.trouble_place(given)) == ("Catatan audit 216", "Audit entry 216")


@pytest.mark.parametrize(
    ("kind", "about", "words"),
    [
        (TroubleKind.THRESHOLD_MOVED, "sface@0123456789ab", ("Pengenalan wajah", "Face recognition")),
        (TroubleKind.REFERENCES_UNSEARCHED, "sface@0123456789ab", ("Pengenalan wajah", "Face recognition")),
        (TroubleKind.ROWS_CHANGED, "alert", ("Tabel basis data alert", "Database table alert")),
    ],
)
def test_nobody_reads_the_key_of_a_model_or_a_bare_table(kind: TroubleKind, about: str, words: tuple[str, str]) -> None:
    found = replace(make_trouble(kind), about=about, counter="")
    assert tuple(TroubleFormatter("cekalwatch.notifier", one).trouble_place(found) for one in Language) == words
