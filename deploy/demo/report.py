"""What the demonstration shows on the terminal: the alerts as they come, and the tables at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from deploy.demo.people import Person
from deploy.demo.play import Demonstration, Outcome
from deploy.demo.verdict import Verdict


def show_people(console: Console, demo: Demonstration) -> None:
    """Say who will pass, and what must happen."""
    table = Table(title="Who passes, and what must happen")
    for heading in ("Person", "On the list as", "Passages", "Must alert"):
        table.add_column(heading)
    expected = {subject.subject_id: subject for subject in demo.expected()}
    for person in demo.people:
        subject = expected[person.subject_id]
        must = "yes" if subject.must_alert else "no"
        table.add_row(person.name, person.role.value, str(len(subject.in_view)), must)
    console.print(table)


def show_event(console: Console, people: Sequence[Person], record: dict[str, object]) -> None:
    """Show one event that the officer's console printed; it carries keys, and no names."""
    names = {person.subject_id: person.name for person in people}
    kind = "[bold red]POSSIBLE MATCH[/]" if record["event_type"] == "RAISED" else "seen again    "
    moment = datetime.fromisoformat(str(record["notified_time"])).astimezone()
    score = float(str(record["score"]))
    name = names.get(str(record["subject_id"]), record["subject_id"])
    console.print(f"  {moment:%H:%M:%S}  {kind}  {name}  score {score:.2f}  counter {record['counter']}")


def show_outcome(console: Console, people: Sequence[Person], outcome: Outcome) -> None:
    """Show the verdicts and the figures."""
    names = {person.subject_id: person for person in people}
    table = Table(title="Expected and raised")
    for heading in ("Person", "Must alert", "Alerts", "Sightings", "Best score", "Verdict"):
        table.add_column(heading, no_wrap=heading == "Verdict")
    for subject in outcome.judged:
        person = names.get(subject.subject_id)
        right = subject.verdict is Verdict.RIGHT
        table.add_row(
            person.name if person else subject.subject_id,
            "yes" if subject.must_alert else "no",
            str(subject.alerts),
            str(subject.sightings),
            "" if subject.score is None else f"{subject.score:.2f}",
            f"[{'green' if right else 'bold red'}]{subject.verdict.value}[/]",
        )
    console.print(table)
    _show_figures(console, outcome)
    if outcome.passed:
        console.print("[bold green]Every alert that had to come came, and no other.[/]")
    else:
        console.print("[bold red]An alert is missing or wrong.[/] The programs' logs say more.")


def _show_figures(console: Console, outcome: Outcome) -> None:
    figures = outcome.figures()
    table = Table(title="Figures", show_header=False)

    def row(name: str, value: object, unit: str) -> None:
        shown = "none" if value is None else f"{value:,.0f} {unit}".rstrip()
        table.add_row(name, shown)

    row("Capture to officer, median", figures["chain.capture_to_notify_p50_ms"], "ms")
    row("Capture to officer, p95", figures["chain.capture_to_notify_p95_ms"], "ms")
    row("Alerts measured", figures["chain.alerts_measured"], "")
    row("Passages", figures["chain.passages"], "")
    row("Crops sent", figures["chain.crops_sent"], "")
    row("Crops rejected", figures["chain.crops_rejected"], "")
    row("Bytes a passage, crops", figures["chain.bytes_a_passage"], "")
    row("Bytes a passage, if the video were sent (MPEG-4 as made here)", figures["chain.video_bytes_a_passage"], "")
    console.print(table)
