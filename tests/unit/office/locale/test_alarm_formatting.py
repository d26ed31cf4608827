"""An alarm in words, with its numbers as the language writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.office.locale.alarm_formatting import AlarmFormatter
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alarms import make_alarm


def test_numbers_of_an_alarm_have_the_marks_of_the_language() -> None:
    told = {"machine": "10.0.0.7", "reason": "PORT_IN_USE", "offset_s": "-12.5"}
    wrong = replace(make_alarm(AlarmKind.CAMERA_CLOCK_WRONG), details=told)
    refused = replace(make_alarm(AlarmKind.SERVER_REFUSED), details=told)
    indonesian, english = (AlarmFormatter("cekalwatch.notifier", language) for language in Language)
    assert indonesian.alarm(wrong) == "jam kamera meleset −12,5 detik"
    assert english.alarm(wrong) == "the camera's clock is wrong by −12.5 s"
    assert "10.0.0.7 (PORT_IN_USE)" in indonesian.alarm(refused)


def test_rights_that_were_given_stand_at_their_entry_of_the_audit_trail() -> None:
    given = replace(make_alarm(AlarmKind.RIGHTS_GIVEN), about="audit 216", counter="")
    indonesian, english = (AlarmFormatter("cekalwatch.notifier", language) for language in Language)
    assert (indonesian.alarm_place(given), english.alarm_place(given)) == ("Catatan audit 216", "Audit entry 216")


@pytest.mark.parametrize(
    ("kind", "about", "words"),
    [
        (AlarmKind.THRESHOLD_MOVED, "sface@0123456789ab", ("Pengenalan wajah", "Face recognition")),
        (AlarmKind.REFERENCES_UNSEARCHED, "sface@0123456789ab", ("Pengenalan wajah", "Face recognition")),
        (AlarmKind.ROWS_CHANGED, "alert", ("Tabel basis data alert", "Database table alert")),
    ],
)
def test_nobody_reads_the_key_of_a_model_or_a_bare_table(kind: AlarmKind, about: str, words: tuple[str, str]) -> None:
    found = replace(make_alarm(kind), about=about, counter="")
    assert tuple(AlarmFormatter("cekalwatch.notifier", one).alarm_place(found) for one in Language) == words
