"""What the demonstration shows on the terminal: the alerts as they come, and the tables at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table

from cekalwatch.contract.values.people import PersonRole
from deploy.demo.people import Person
from deploy.demo.play import Demonstration, Outcome
from deploy.demo.verdict import Verdict

KINDS = {"RAISED": "[bold red]POSSIBLE MATCH[/]", "SIGHTED": "seen again    "}


@dataclass(frozen=True)
class Account:
    """Somebody as whom a person looks around."""

    name: str
    role: PersonRole
    tries: str
    """What to try as them."""


ACCOUNTS = (
    Account("petugas", PersonRole.OFFICER, "Alerts: two faces first, then a judgement"),
    Account("penyelia", PersonRole.SUPERVISOR, "Now and Alerts: settle what officers referred; Statistics"),
    Account("pengelola", PersonRole.LIST_MANAGER, "List: who is on it, and why; import a file"),
    Account("admin", PersonRole.ADMINISTRATOR, "Cameras: aim one; Devices: invite a PC"),
    Account("auditor", PersonRole.AUDITOR, "Audit: who did what, and whether the trail is whole"),
)


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Say what takes seconds or minutes while the block does it: also where there is no terminal for a spinner."""
    if console.is_terminal:
        with console.status(what):
            yield
        return
    began_s = time.monotonic()
    console.print(f"{what} …", highlight=False)
    yield
    console.print(f"  done after {time.monotonic() - began_s:.0f} s", highlight=False)


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
    """Show one event that the officer's console printed; it carries keys, and no names, and before a look not these."""
    names = {person.subject_id: person.name for person in people}
    kind = KINDS.get(str(record["event_type"]), str(record["event_type"]).lower().replace("_", " "))
    moment = datetime.fromisoformat(str(record["notified_time"])).astimezone()
    if record["look_needed"]:
        who = "two faces to look at"
    else:
        name = names.get(str(record["subject_id"]), record["subject_id"])
        who = f"{name}  score {float(str(record['score'])):.2f}"
    console.print(f"  {moment:%H:%M:%S}  {kind}  {who}  counter {record['counter']}")


def around_box(address: str, passwords: Mapping[Account, str], second: tuple[str, str]) -> Panel:
    """Return what a person needs to look around; `second`: name and password of who can be the second person."""
    table = Table(box=None, pad_edge=False)
    for heading in ("Sign in as", "First password", "What to try"):
        table.add_column(heading, no_wrap=heading != "What to try")
    for account, password in passwords.items():
        table.add_row(account.name, password, account.tries)
    table.add_row(*second, "the second person, where two are needed")
    end = "Server, web console and cameras go on, and the travellers pass again and again. Ctrl-C ends it all."
    return Panel(Group(f"[bold]{address}[/]\n", table, f"\n{end}"), title="Look around")


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
    for line in _endings(people, outcome):
        console.print(line)
    if outcome.passed:
        console.print("[bold green]Every alert that had to come came, and no other.[/]")
    else:
        console.print("[bold red]An alert is missing or wrong.[/] The programs' logs say more.")


def _endings(people: Sequence[Person], outcome: Outcome) -> Iterator[str]:
    """Say what became of the look-alike and the real person, and of the camera that went blind."""
    judged = {subject.subject_id: subject for subject in outcome.judged}
    for person in people:
        if person.resembles:
            like, real = judged[person.subject_id], judged[person.resembles]
            ends = "the officer cleared it" if outcome.is_cleared(like) else "nobody cleared it"
            own = "an alert of their own" if real.verdict is Verdict.RIGHT else f"the verdict {real.verdict.value!r}"
            waits = "was cleared with it" if outcome.is_cleared(real) else "waits for an officer"
            yield f"{person.name}: {like.alerts} alert, and {ends}. The real person has {own}, which {waits}."
    if outcome.blind:
        shown, recovered = (
            f"after {seconds:.1f} s" if seconds is not None else "never"
            for seconds in (outcome.blind.shown_s, outcome.blind.recovered_s)
        )
        yield f"The sun in the second camera was on the supervisor's screen {shown}; that it had gone, {recovered}."


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
