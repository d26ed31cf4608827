"""The page of the audit trail: deliveries are folded, names stand for keys, a threshold has a before and after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cekalwatch.console.locale.audit_words import Named
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.pages.audit import folded
from cekalwatch.contract.values.audit import TrailEntry
from cekalwatch.program.translations import Language

ALERT = "alert:01a22b65-4b3f-7811-8cbd-3dcc293734b6"
OTHER = "alert:01a22b65-4b3f-7811-8cbd-000000000000"


def entry(sequence: int, action: str, *objects: str, damaged: bool = False, **details: str) -> TrailEntry:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    return TrailEntry(sequence, at, "server:main", action, objects, len(objects), "OK", details, damaged)


def rows(*entries: TrailEntry) -> list[tuple[int, list[int]]]:
    return [(one.sequence, [delivery.sequence for delivery in under]) for one, under in folded(entries)]


def test_deliveries_are_folded_under_the_entry_that_they_follow() -> None:
    assert rows(
        entry(6, "ALERT_CLAIMED", ALERT),
        entry(5, "ALERT_DELIVERED", ALERT, "device:pc-2"),
        entry(4, "ALERT_DELIVERED", OTHER),
        entry(3, "ALERT_DELIVERED", ALERT, "device:pc-1"),
        entry(2, "SIGNED_IN", "person:x"),
        entry(1, "ALERT_RAISED", ALERT),
    ) == [(6, []), (4, []), (2, []), (1, [5, 3])]


def test_no_entry_is_lost_and_a_damaged_one_is_never_hidden() -> None:
    found = rows(
        entry(3, "ALERT_DELIVERED", ALERT, damaged=True), entry(2, "ALERT_DELIVERED"), entry(1, "ALERT_RAISED", ALERT)
    )
    assert found == [(3, []), (2, []), (1, [])]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("0.4500", "0.5012", "0,4500 → 0,5012"), ("not set", "0.5012", "belum diatur → 0,5012")],
)
def test_a_change_of_the_threshold_has_a_before_and_an_after(before: str, after: str, told: str) -> None:
    words = ConsoleTexts(Language.ID).audit
    assert words.change(entry(1, "THRESHOLD_SET", before=before, threshold=after)) == told
    assert words.change(entry(1, "LAW_ROW_ADDED", before=before, threshold=after)) == ""


def test_a_name_stands_for_a_key_that_a_program_made_and_the_key_is_behind_it() -> None:
    words, person = ConsoleTexts(Language.EN, UTC).audit, "01a22b65-4b3f-4811-8cbd-3dcc293734b6"
    made = datetime(2026, 11, 30, 10, 32, 5, tzinfo=UTC)
    key = f"{int(made.timestamp() * 1000) << 16 | 0x7811:016x}8cbd3dcc293734b6"
    alert = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))
    assert words.thing(f"alert:{alert}", {}) == Named("alert of 30 November 2026 10:32:05 UTC", alert, {"alert": alert})
    assert words.thing("order:C-1", {}) == Named("order C-1")
    assert words.thing(f"person:{person}", {person: "Sari"}) == Named("Sari", person, {"person": person})
    assert words.thing(f"person:{person}", {}).words == "a person whose name is not known (…3734b6)"
    assert words.thing(f"capture:{person}", {}) == Named("capture …3734b6", person)
    by = replace(entry(1, "SIGNED_IN"), actor=f"person:{person}@pc-1")
    assert words.actor(by, {person: "Sari"}) == Named("Sari, at pc-1", person)
    assert words.value(person, {person: "Sari"}) == Named("Sari", person)
    assert words.value("0.45", {}) == Named("0.45")
