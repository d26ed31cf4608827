"""The checks find nothing in a day that went well, and each thing that may go wrong in one that did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.checks import adjudications, alerts, delivery, logs, rings, screens
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
    rings.wrong,
    screens.wrong,
)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def crop(key: str, *, receipt: bool = True, taken: bool = True) -> SeenCrop:
    return SeenCrop(key, b"", 0.0, 0.0 if taken else None, receipt=receipt)


def sighting(key: str, alert: str, passage: str, counter: str, second: float) -> StoredSighting:
    return StoredSighting(key, alert, passage, counter, at(second))


STATES = {"A": {1: "NEW", 3: "CLAIMED", 4: "REFERRED", 9: "CONFIRMED"}, "B": {6: "NEW", 7: "CLAIMED", 8: "CLEARED"}}
"""Of the alerts of the day, from an event on."""
RINGING = {1, 5, 6}


def line(sequence: int | None, alert: str, life: int = 1) -> ShownLine:
    """Return what a PC shows of an event of the day, in time."""
    state = [state for begun, state in STATES[alert].items() if begun <= (sequence or 9)][-1]
    counter = "D1" if sequence and sequence < 5 else "D2"
    return ShownLine(life, sequence, alert, 1.0, "X", state, sequence in RINGING, counter, at(5))


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
        wanderer_listed=True,
        taken_at={3: "pc-1", 4: "pc-1", 7: "pc-2", 8: "pc-2", 9: "pc-1"},
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
    day = replace(day, alerts={**day.alerts, "B": replace(day.alerts["B"], state="NEW")})
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


@pytest.mark.parametrize("silent", sorted(RINGING))
def test_a_passage_that_did_not_ring_at_its_counter_is_found(silent: int) -> None:
    day = whole_day()
    plan = AT_D2 if silent != 1 else EVERYWHERE
    lines = [replace(one, rings=one.rings and one.sequence != silent) for one in day.shown[plan]]
    (found,) = rings.wrong(shown_at(day, plan, lines))
    assert f"{plan.name} did not ring" in found
    assert f"(event {silent} " in found


def test_a_ring_before_a_passage_is_not_its_ring() -> None:
    day = whole_day()
    lines = [replace(line(4, "A"), rings=True), replace(line(5, "A"), rings=False, shown_s=9.0), *day.shown[AT_D2][1:]]
    assert rings.wrong(shown_at(day, AT_D2, lines)) == []
    day.passages[1].crops[0].offered_s = 5.0
    assert len(rings.wrong(shown_at(day, AT_D2, lines))) == 1


def test_a_passage_need_not_ring_where_somebody_deals_with_it_nor_once_its_orders_have_ended_nor_late() -> None:
    day = whole_day()
    silent = replace(day.shown[AT_D2][0], rings=False)

    def found(other: ShownLine, changed: Evidence = day) -> list[str]:
        return rings.wrong(shown_at(changed, AT_D2, [other, *day.shown[AT_D2][1:]]))

    assert len(found(silent)) == 1
    assert found(replace(silent, orders_ended=True)) == []
    assert found(replace(silent, state="CLOSED")) == []
    assert len(found(replace(silent, state="CLAIMED"))) == 1
    assert found(replace(silent, state="CLAIMED"), replace(day, taken_at={**day.taken_at, 3: "pc-2"})) == []
    late = {**day.sightings, "c3": replace(day.sightings["c3"], late=True)}
    assert found(silent, replace(day, sightings=late)) == []


def test_a_passage_that_was_missed_rings_when_its_alert_is_listed_again() -> None:
    day = whole_day()
    listed = replace(line(None, "A", 2), rings=True, seen_at=at(4))
    assert rings.wrong(shown_at(day, AT_D2, [listed, *day.shown[AT_D2][1:]])) == []
    assert len(rings.wrong(shown_at(day, AT_D2, [replace(listed, rings=False), *day.shown[AT_D2][1:]]))) == 1


def test_a_released_alert_that_does_not_ring_again_is_found() -> None:
    day = whole_day()
    released = LoggedEvent(10, "RELEASED", at(9), "B", "")
    day = replace(day, events=[*day.events, released])
    silent = replace(line(10, "B"), state="NEW", rings=False)

    def found(other: ShownLine) -> list[str]:
        return rings.wrong(shown_at(day, AT_D2, [*day.shown[AT_D2], other]))

    assert any("what was released" in one for one in found(silent))
    assert found(replace(silent, rings=True)) == []
    assert found(replace(silent, state="CLAIMED")) == []


@pytest.mark.parametrize(
    "otherwise",
    [{"state": "REFERRED"}, {"late": True}, {"counter": "D1"}, {"orders_ended": True}, {"reference_owed": True}],
)
def test_a_screen_that_shows_an_alert_otherwise_than_it_stands_is_found(otherwise: dict[str, Any]) -> None:
    day = whole_day()
    last = replace(day.shown[AT_D2][-1], **otherwise)
    (found,) = screens.wrong(shown_at(day, AT_D2, [*day.shown[AT_D2][:-1], last]))
    assert f"pc-2 shows {next(iter(otherwise))}" in found


def test_an_alert_that_calls_an_earlier_sighting_late_is_found_and_one_that_calls_its_newest_one_so_is_not() -> None:
    day = whole_day()
    first_late = replace(day, sightings={**day.sightings, "c1": replace(day.sightings["c1"], late=True)})
    assert screens.wrong(first_late) == []
    late = replace(first_late, alerts={**day.alerts, "A": replace(day.alerts["A"], late=True)})
    assert any("says late, and its newest sighting was live" in found for found in screens.wrong(late))


def test_a_place_that_a_late_picture_names_is_found() -> None:
    day = whole_day()
    day = replace(day, sightings={**day.sightings, "c3": replace(day.sightings["c3"], late=True)})
    day = replace(day, alerts={**day.alerts, "A": replace(day.alerts["A"], late=True)})
    assert any("pc-2 shows counter D2 of alert A, and it is D1" in found for found in screens.wrong(day))


def test_pictures_of_a_settled_alert_are_found() -> None:
    day = whole_day()
    assert len(screens.wrong(replace(day, pictures={AT_D2: frozenset("AB"), EVERYWHERE: frozenset()}))) == 2
    waits = replace(day, alerts={**day.alerts, "A": replace(day.alerts["A"], state="REFERRED")})
    found = screens.wrong(replace(waits, pictures={AT_D2: frozenset("A")}))
    assert not [one for one in found if "pictures" in one]


def test_a_hit_owes_its_reference_until_it_is_entered_or_taken_back() -> None:
    day = whole_day()
    provisional = StoredFinding("A", "siti", "CONFIRMED", "CENTRAL_SYSTEM_DOWN")
    owing = replace(day, findings={**day.findings, "A": [day.findings["A"][0], provisional]})
    assert screens.owed(owing) == {"A"}
    assert any("shows reference_owed False" in found for found in screens.wrong(owing))
    entered = {**owing.findings, "A": [*owing.findings["A"], day.findings["A"][1]]}
    assert screens.owed(replace(owing, findings=entered)) == frozenset()


def test_a_list_that_nobody_knows_to_be_followed_is_waited_for() -> None:
    assert alerts.missing(replace(whole_day(), wanderer_listed=None)) == ["not all servers follow the list"]


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
