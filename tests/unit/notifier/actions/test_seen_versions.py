"""What people saw on a terminal, from one command to the next, and what is said to have come since."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.adjudication import AlertState, Outcome, Reason
from cekalwatch.contract.values.alerts import Candidate
from cekalwatch.notifier.actions import seen_versions
from cekalwatch.notifier.actions.seen_versions import SeenVersions
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import SeenVersion
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, judged_by, make_alert

ENGLISH = NotifierTexts(Language.EN)


def test_a_later_command_says_what_came_since_the_version_that_was_seen(tmp_path: Path) -> None:
    file = tmp_path / "state" / "seen-pc-1"
    alert = make_alert()
    SeenVersions(file).note(alert)
    (first,) = alert.sightings
    there = replace(
        first, capture_id="c-2", camera=replace(first.camera, counter="D2"), captured_at=alert.raised_at + timedelta(1)
    )
    finding = judged_by(BUDI, Outcome.CANNOT_DETERMINE, Reason.IMAGE_TOO_POOR).handling
    later = replace(
        alert,
        version=4,
        state=AlertState.CANNOT_DETERMINE,
        sightings=(first, there),
        candidates=(*alert.candidates, Candidate("S-2", 0.5, "SARI")),
        handling=finding,
    )
    before = SeenVersions(file).find(alert.alert_id, 1)
    assert before == SeenVersion.of(alert)
    words = ENGLISH.came_since(before, later)
    for part in ("seen at counter D2", "SARI", "Budi", "Cannot determine"):
        assert part in words
    assert ENGLISH.came_since(SeenVersion.of(later), later) == ""
    assert SeenVersions(file).find(alert.alert_id, 2) is None


def test_the_file_is_private_bounded_and_has_nothing_of_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_versions, "MAX_VERSIONS", 3)
    file = tmp_path / "seen-pc-1"
    alerts = [make_alert("BUDI SANTOSO") for _ in range(4)]
    for alert in (*alerts, alerts[-1]):
        SeenVersions(file).note(alert)
    assert [SeenVersions(file).find(one.alert_id, 1) is not None for one in alerts] == [False, True, True, True]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert not [word for word in ("BUDI", "2171011204790003", "1979") if word in text]


def test_a_damaged_file_costs_only_the_words(tmp_path: Path) -> None:
    file = tmp_path / "seen-pc-1"
    file.write_bytes(b"[[1")
    alert = make_alert()
    assert SeenVersions(file).find(alert.alert_id, 1) is None
    SeenVersions(file).note(alert)
    assert SeenVersions(file).find(alert.alert_id, 1)
