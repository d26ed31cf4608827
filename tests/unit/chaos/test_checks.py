"""The checks find nothing in a day that went well, and each thing that may go wrong in one that did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.chaos.checks import adjudications, alerts, delivery, logs
from benchmarks.chaos.checks.resources import DESCRIPTORS, MEMORY_BYTES, THREADS, Taken, growth
from benchmarks.chaos.evidence import Evidence, LoggedEvent, StoredAlert, StoredFinding, StoredSighting
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import GROUPING_WINDOW_S, PcPlan
from benchmarks.chaos.truth import Answer, Due, SeenCrop, SeenPassage
from cekalwatch.contract.values.people import PersonRole

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
EVERYWHERE = PcPlan("pc-1", "ani", PersonRole.OFFICER)
AT_D2 = PcPlan("pc-2", "budi", PersonRole.OFFICER, ("D2",))
CHECKS: Sequence[Callable[[Evidence], list[str]]] = (
    alerts.missing,
    alerts.wrong,
    delivery.missing,
    delivery.wrong,
    adjudications.wrong,
)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def crop(key: str, *, receipt: bool = True, taken: bool = True) -> SeenCrop:
    return SeenCrop(key, b"", 0.0, 0.0 if taken else None, receipt=receipt)


def sighting(key: str, alert: str, passage: str, counter: str, second: float) -> StoredSighting:
    return StoredSighting(key, alert, passage, counter, at(second))


def line(sequence: int | None, alert: str, life: int = 1) -> ShownLine:
    return ShownLine(life, sequence, alert)


def whole_day() -> Evidence:
    """One listed person passes D1, is referred and confirmed, and passes D2 meanwhile; another one is cleared there."""
    return Evidence(
        passages=[
            SeenPassage(1, "S-1", "gate-1", "D1", Due.ALERT, [crop("c1"), crop("c2")]),
            SeenPassage(2, "S-1", "gate-2", "D2", Due.ALERT, [crop("c3")]),
            SeenPassage(3, "S-2", "gate-2", "D2", Due.ALERT, [crop("c4"), crop("never", receipt=False, taken=False)]),
            SeenPassage(4, "S-9", "gate-2", "D2", Due.NOTHING, [crop("stranger")]),
        ],
        answers=[
            Answer("pc-1", "ani", "A", "REFER", "REFERRED", 3, "REFERRED"),
            Answer("pc-2", "budi", "B", "NOT_SAME", "NOT_SAME_PERSON", 3, "CLEARED"),
        ],
        events=[
            LoggedEvent(1, "RAISED", at(0), "A", "c1"),
            LoggedEvent(2, "SIGHTED", at(1), "A", "c2"),
            LoggedEvent(3, "CLAIMED", at(2), "A", ""),
            LoggedEvent(4, "ADJUDICATED", at(3), "A", ""),
            LoggedEvent(5, "SIGHTED", at(4), "A", "c3"),
            LoggedEvent(6, "RAISED", at(5), "B", "c4"),
            LoggedEvent(7, "CLAIMED", at(6), "B", ""),
            LoggedEvent(8, "ADJUDICATED", at(7), "B", ""),
            LoggedEvent(9, "CONFIRMED", at(8), "A", ""),
        ],
        alerts={
            "A": StoredAlert("A", "CONFIRMED", 5, frozenset({"S-1"})),
            "B": StoredAlert("B", "CLEARED", 3, frozenset({"S-2"})),
        },
        sightings={
            "c1": sighting("c1", "A", "run/1", "D1", 0),
            "c2": sighting("c2", "A", "run/1", "D1", 1),
            "c3": sighting("c3", "A", "run/2", "D2", 4),
            "c4": sighting("c4", "B", "run/3", "D2", 5),
        },
        findings={
            "A": [
                StoredFinding("A", "ani", "REFERRED", "FACE_AGREES"),
                StoredFinding("A", "siti", "CONFIRMED", "LISTED_IN_CEKAL_ONLINE"),
            ],
            "B": [StoredFinding("B", "budi", "NOT_SAME_PERSON", "FACE_DIFFERS")],
        },
        audited=[3, 4, 7, 8, 9],
        shown={
            EVERYWHERE: [line(number, "B" if number in {6, 7, 8} else "A") for number in range(1, 10)],
            AT_D2: [line(5, "A"), line(6, "B"), line(7, "B"), line(8, "B", 2), line(9, "A", 2)],
        },
    )


def problems(evidence: Evidence) -> list[str]:
    return [problem for check in CHECKS for problem in check(evidence)]


def without(evidence: Evidence, capture: str) -> Evidence:
    """Let a capture never have arrived."""
    return replace(
        evidence,
        sightings={key: one for key, one in evidence.sightings.items() if key != capture},
        events=[event for event in evidence.events if event.capture_id != capture],
    )


def shown_at(evidence: Evidence, plan: PcPlan, lines: Sequence[ShownLine]) -> Evidence:
    return replace(evidence, shown={**evidence.shown, plan: lines})


def raised_anew(evidence: Evidence, second: float) -> Evidence:
    """Let the second passage of the first alert have one of its own, and its faces have come then."""
    return replace(
        evidence,
        events=[
            replace(event, type="RAISED", alert_id="C", occurred_at=at(second)) if event.sequence == 5 else event
            for event in evidence.events
        ],
        sightings={**evidence.sightings, "c3": sighting("c3", "C", "run/2", "D2", second)},
        alerts={**evidence.alerts, "C": StoredAlert("C", "NEW", 1, frozenset({"S-1"}))},
    )


def test_a_day_that_went_well_is_whole() -> None:
    assert problems(whole_day()) == []


def test_a_lost_capture_is_found() -> None:
    (found,) = alerts.missing(without(whole_day(), "c3"))
    assert "c3" in found


def test_what_a_camera_never_took_is_not_missed() -> None:
    day = whole_day()
    assert alerts.missing(day) == []
    day.passages[2].crops[1].taken_s = 0.0
    assert len(alerts.missing(day)) == 1


def test_a_stranger_who_alerts_is_found() -> None:
    day = whole_day()
    day.passages[2].due = Due.NOTHING
    assert any("must not" in found for found in alerts.wrong(day))


def test_another_subjects_alert_is_found() -> None:
    day = whole_day()
    day = replace(day, alerts={**day.alerts, "B": replace(day.alerts["B"], subject_ids=frozenset({"S-1"}))})
    assert any("is in the alert of" in found for found in alerts.wrong(day))


def test_a_passage_in_two_alerts_is_found() -> None:
    day = whole_day()
    day = replace(day, sightings={**day.sightings, "c2": replace(day.sightings["c2"], alert_id="B")})
    assert any("is in 2 alerts" in found for found in alerts.wrong(day))


def test_a_capture_that_was_recorded_twice_is_found() -> None:
    day = whole_day()
    day = replace(day, events=[*day.events, LoggedEvent(10, "SIGHTED", at(9), "A", "c2")])
    assert any("has 2 events" in found for found in alerts.wrong(day))


def test_a_passage_that_should_have_joined_is_found_and_one_outside_of_the_window_is_not() -> None:
    assert any("took more" in found for found in alerts.wrong(raised_anew(whole_day(), 4)))
    assert alerts.wrong(raised_anew(whole_day(), 2 * GROUPING_WINDOW_S)) == []


def test_a_passage_whose_face_cannot_be_compared_need_not_join() -> None:
    day = raised_anew(whole_day(), 4)
    assert alerts.wrong(replace(day, unlike_spans=[(at(3), at(60))])) == []
    assert alerts.wrong(replace(day, unlike_spans=[(at(30), at(60))])) != []


def test_a_passage_need_not_join_whose_commit_waited_until_faces_were_forgotten() -> None:
    day = raised_anew(whole_day(), 4)
    assert alerts.wrong(replace(day, committed={5: at(4 + 2 * GROUPING_WINDOW_S)})) == []
    assert alerts.wrong(replace(day, committed={5: at(4.5)})) != []


def test_a_passage_that_joined_a_closed_alert_is_found() -> None:
    day = whole_day()
    day = replace(day, events=[*day.events[:4], LoggedEvent(40, "CLOSED", at(3.5), "A", ""), *day.events[4:8]])
    day = replace(day, findings={**day.findings, "A": day.findings["A"][:1]})
    assert any("which was CLOSED" in found for found in alerts.wrong(day))


@pytest.mark.parametrize("left_out", range(1, 10))
def test_an_event_that_was_not_shown_is_found(left_out: int) -> None:
    day = whole_day()
    lines = [one for one in day.shown[EVERYWHERE] if one.sequence != left_out]
    (found,) = delivery.missing(shown_at(day, EVERYWHERE, lines))
    assert f"event {left_out} " in found


def test_a_pc_of_one_counter_need_not_show_what_happens_elsewhere() -> None:
    day = whole_day()
    assert {1, 2, 3, 4}.isdisjoint(one.sequence for one in day.shown[AT_D2])
    (found,) = delivery.missing(shown_at(day, AT_D2, day.shown[AT_D2][1:]))
    assert "event 5 " in found


def test_an_alert_that_was_listed_again_stands_for_its_event() -> None:
    day = whole_day()
    lines = [line(None, "A", 2) if one.sequence == 5 else one for one in day.shown[EVERYWHERE]]
    assert delivery.missing(shown_at(day, EVERYWHERE, lines)) == []


def test_an_event_that_was_shown_twice_or_late_is_found() -> None:
    day = whole_day()
    twice = [*day.shown[EVERYWHERE], line(9, "A", 2)]
    assert len(delivery.wrong(shown_at(day, EVERYWHERE, twice))) == 1
    late = [day.shown[EVERYWHERE][1], day.shown[EVERYWHERE][0], *day.shown[EVERYWHERE][2:]]
    assert len(delivery.wrong(shown_at(day, EVERYWHERE, late))) == 1


def test_an_event_from_before_its_alert_came_to_a_counter_may_be_shown_late_and_never_after_a_later_one_of_it() -> None:
    day = whole_day()
    late = [line(6, "B"), line(2, "A"), *day.shown[AT_D2][:1], *day.shown[AT_D2][2:]]
    assert [problem for problem in delivery.wrong(shown_at(day, AT_D2, late)) if "event 2" in problem] == []
    (found,) = delivery.wrong(shown_at(day, AT_D2, [*day.shown[AT_D2], line(2, "A", 2)]))
    assert "showed event 2 after 9" in found


def test_an_answered_step_that_is_gone_is_found() -> None:
    day = whole_day()
    assert adjudications.wrong(replace(day, alerts={**day.alerts, "A": replace(day.alerts["A"], version=2)})) != []
    assert adjudications.wrong(replace(day, findings={**day.findings, "B": []})) != []


def test_a_life_that_no_alert_has_is_found() -> None:
    day = whole_day()
    day = replace(day, events=[*day.events, LoggedEvent(10, "CLAIMED", at(9), "A", "")], audited=[*day.audited, 10])
    assert any("had CLAIMED while it was CONFIRMED" in found for found in adjudications.wrong(day))


def test_a_step_without_its_entry_in_the_audit_trail_is_found() -> None:
    day = whole_day()
    (found,) = adjudications.wrong(replace(day, audited=day.audited[1:]))
    assert found == "event 3 has no entry in the audit trail"


def test_a_process_may_grow_a_little() -> None:
    first = Taken(100_000_000, 40, 20)
    assert growth("server-1", first, Taken(100_000_000 + MEMORY_BYTES, 40 + DESCRIPTORS, 20 + THREADS)) == ""
    assert "memory from 100 to 300 MB" in growth("server-1", first, replace(first, memory_bytes=300_000_000))
    assert "descriptors" in growth("server-1", first, replace(first, descriptors=41 + DESCRIPTORS))
    assert "threads" in growth("server-1", first, replace(first, threads=21 + THREADS))


def test_a_loop_that_failed_and_a_traceback_are_found(tmp_path: Path) -> None:
    file = tmp_path / "server-1.log"
    file.write_text(
        '{"event": "serving"}\n{"event": "loop_failed", "level": "warning"}\n'
        "Error closing cursor\nTraceback (most recent call last):\n  File x\npsycopg.OperationalError: it broke\n"
    )
    assert logs.wrong([file, tmp_path / "never-begun.log"]) == []
    with file.open("a") as log:
        log.write('{"error": "KeyError", "event": "loop_failed", "level": "error"}\n')
        log.write("Traceback (most recent call last):\n  File x\nKeyError: 'a'\n")
    first, second = logs.wrong([file])
    assert "line 7" in first
    assert "KeyError: 'a'" in second
