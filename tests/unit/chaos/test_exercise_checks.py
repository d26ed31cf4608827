"""The fault bench finds what exercises may do wrong to real alerts, to figures and to the people who judge them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.chaos.checks import adjudications, alerts, delivery, exercises, rings, screens
from benchmarks.chaos.evidence import Evidence, LoggedEvent, StoredAlert, StoredExercise, StoredSighting
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import PcPlan
from benchmarks.chaos.sites.running_site import COLLEAGUE
from benchmarks.chaos.truth import Answer, Due, SeenCrop, SeenPassage
from cekalwatch.contract.values.people import PersonRole

BEGIN = datetime.now(UTC) - timedelta(hours=1)
PC = PcPlan("pc-1", "ani", PersonRole.OFFICER, ("D1",))


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def line(sequence: int, alert_id: str, state: str, *, rings: bool = False) -> ShownLine:
    return ShownLine(1, sequence, alert_id, float(sequence), "X", state, rings, "D1", at(sequence))


def day() -> Evidence:
    """An exercise is looked at; another stands when somebody on the list passes, and gives way."""
    return Evidence(
        passages=[SeenPassage(1, "S-1", "gate-1", "D1", Due.ALERT, [SeenCrop("c1", b"", 0.0, 0.0, receipt=True)])],
        answers=[Answer("pc-1", "ani", "E", "LOOK", "", 3, "CLOSED", "RECOGNISED")],
        events=[
            LoggedEvent(1, "RAISED", at(1), "E", "x1"),
            LoggedEvent(2, "CLAIMED", at(2), "E", ""),
            LoggedEvent(3, "LOOKED", at(3), "E", ""),
            LoggedEvent(4, "CLOSED", at(3), "E", ""),
            LoggedEvent(5, "RAISED", at(5), "F", "x2"),
            LoggedEvent(6, "CLOSED", at(6), "F", ""),
            LoggedEvent(7, "RAISED", at(6), "A", "c1"),
        ],
        alerts={
            "E": StoredAlert("E", "CLOSED", 3, frozenset({COLLEAGUE}), exercise="e"),
            "F": StoredAlert("F", "CLOSED", 2, frozenset({COLLEAGUE}), exercise="f"),
            "A": StoredAlert("A", "NEW", 1, frozenset({"S-1"})),
        },
        sightings={
            "x1": StoredSighting("x1", "E", "exercise/e", "D1", at(1)),
            "x2": StoredSighting("x2", "F", "exercise/f", "D1", at(5)),
            "c1": StoredSighting("c1", "A", "run/1", "D1", at(6)),
        },
        findings={},
        audited=[2, 3, 4, 6],
        shown={
            PC: [
                line(1, "E", "NEW", rings=True),
                line(2, "E", "CLAIMED"),
                line(3, "E", "CLOSED"),
                line(4, "E", "CLOSED"),
                line(5, "F", "NEW", rings=True),
                line(6, "F", "CLOSED"),
                line(7, "A", "NEW", rings=True),
            ]
        },
        wanderer_listed=True,
        taken_at={2: "pc-1", 3: "pc-1", 4: "pc-1"},
        exercises={
            "e": StoredExercise("e", "gate-1", "D1", at(0), "E", at(3), "RECOGNISED", "JUDGEMENT"),
            "f": StoredExercise("f", "gate-1", "D1", at(4), "F", at(6), "WITHDRAWN", "DELIVERY"),
        },
        counted=1,
    )


def test_a_day_with_exercises_that_went_well_is_whole() -> None:
    found = [*alerts.missing(day().real), *alerts.wrong(day().real)]
    for check in (exercises.wrong, delivery.missing, delivery.wrong, adjudications.wrong, rings.wrong, screens.wrong):
        found += check(day())
    assert found == []


def with_events(*events: LoggedEvent) -> Evidence:
    return replace(day(), events=[*day().events[:5], *events])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (with_events(LoggedEvent(6, "RAISED", at(6), "A", "c1")), "exercise F stands beside real alert A"),
        (
            replace(day(), events=[day().events[6], *day().events[4:6]]),
            "exercise F stands beside real alert A",
        ),
        (replace(day(), counted=3), "the figures count 3 alerts, and 1 were real"),
        (
            replace(day(), sightings={**day().sightings, "c1": StoredSighting("c1", "F", "run/1", "D1", at(6))}),
            "alert F of exercise f has ['colleague'] in captures",
        ),
        (
            replace(day(), alerts={**day().alerts, "A": StoredAlert("A", "NEW", 1, frozenset({"S-1", COLLEAGUE}))}),
            "real alert A has the colleague",
        ),
        (replace(day(), shown={PC: day().shown[PC][4:]}), "ended as RECOGNISED, and no PC of D1 has shown it"),
        (
            replace(day(), exercises={"e": replace(day().exercises["e"], end="", ended_at=None)}),
            "and has not ended",
        ),
        (
            replace(day(), answers=[*day().answers, replace(day().answers[0], person="budi")]),
            "the result of exercise alert E was told to",
        ),
        (replace(day(), answers=[replace(day().answers[0], exercise="MISSED")]), "which is RECOGNISED"),
        (replace(day(), answers=[replace(day().answers[0], exercise="")]), "was not told"),
        (replace(day(), failed={"D1": "DELIVERY"}), "exercises failed at {}, and the supervisor is shown"),
        (
            replace(
                day(),
                exercises={**day().exercises, "g": replace(day().exercises["f"], end="STOPPED", ended_at=at(9))},
            ),
            "exercises failed at {'D1': 'DELIVERY'}, and the supervisor is shown {}",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_goes_wrong_is_found(wrong: Evidence, told: str) -> None:
    found = exercises.wrong(wrong)
    assert any(told in one for one in found), found
