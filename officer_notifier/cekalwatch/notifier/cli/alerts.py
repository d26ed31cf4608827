"""Commands with which people work on alerts without a desktop. They do what the windows do, by the same calls."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import grpc
import typer
from rich.console import Console
from rich.text import Text

from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    OPEN_STATES,
    STEP_OUTCOMES,
    FollowUp,
    Outcome,
    Reason,
    Step,
)
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision
from cekalwatch.notifier.actions.seen_versions import SeenVersions
from cekalwatch.notifier.actions.shift_csv import figures_csv
from cekalwatch.notifier.cli.alert_output import print_alert, print_alerts, print_report
from cekalwatch.notifier.cli.options import with_settings
from cekalwatch.notifier.cli.session import ByPassword, ask_proof, explained_refusals
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.alert_record import alert_record, record_html
from cekalwatch.office.client.alert_client import AlertClient, day_began
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.locale.alert_formatting import AlertFormatter
from cekalwatch.program.cli.prompts import ask, tell_new_name
from cekalwatch.program.cli.shared_options import with_opened
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.translations import Language
from cekalwatch.wire.calls import Calls

MIN_KEY_LENGTH = 4
FIND_SETTLED_FOR = timedelta(days=2)
"""How old a settled alert may be that a command finds; an open one may have any age."""

Key = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or its last characters, 4 or more.")]
Seen = Annotated[
    int,
    typer.Option(
        "--seen",
        metavar="VERSION",
        min=1,
        help="The version that you saw; the step is refused if the alert has changed since then.",
    ),
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="More about it, at most 1000 characters.")]
Reference = Annotated[str, typer.Option(metavar="NUMBER", help="Reference number of Cekal Online.")]


class FirstFinding(StrEnum):
    """What a person may find of the two faces."""

    REFERRED = Outcome.REFERRED.value
    NOT_SAME_PERSON = Outcome.NOT_SAME_PERSON.value
    CANNOT_DETERMINE = Outcome.CANNOT_DETERMINE.value


FindingOption = Annotated[
    FirstFinding,
    typer.Option("--finding", case_sensitive=False, help="What you find of the faces; REFERRED: they agree."),
]
ReasonOption = Annotated[Reason, typer.Option("--reason", case_sensitive=False, help="Why; OTHER needs a note.")]

commands = typer.Typer(no_args_is_help=True, help="Work on alerts without a desktop; sign in first.")


def _example(arguments: str) -> str:
    """Return what the help of a command ends with."""
    return f"Example:\n\n  cekalwatch-notifier alerts {arguments}"


@dataclass(frozen=True)
class CommandContext:
    """The parts that a command uses."""

    alert_client: AlertClient
    sessions: SessionClient
    formatter: AlertFormatter
    console: Console
    zone: ZoneInfo
    seen: SeenVersions

    def find(self, key: str) -> Alert:
        """Return the one alert whose key is or ends with `key`; raises ProgramError when there is none, or several."""
        key = key.lower()
        if len(key) < MIN_KEY_LENGTH:
            raise ProgramError(self.formatter.say("KEY_TOO_SHORT", count=MIN_KEY_LENGTH), Exit.USAGE)
        at_hand = self.alert_client.at_hand(datetime.now(UTC) - FIND_SETTLED_FOR)
        found = [one for one in at_hand if one.alert_id.endswith(key)]
        if len(found) != 1:
            raise ProgramError(self.formatter.say("KEY_FITS", count=len(found)), Exit.USAGE)
        return found[0]

    def carry_out(self, alert: Alert, decision: Decision, seen: int | None = None) -> None:
        """Carry out a decision, and print the alert afterwards.

        A judgement is about the version `seen`. If there is a newer one, it is refused; print what came since.
        """
        before = replace(alert, version=seen or alert.version)
        try:
            answer = AlertActions(self.alert_client, self.sessions).carry_out(before, decision)
        except grpc.RpcError as error:
            if error_reason(error) == "ALERT_CHANGED":
                self._print_changed(alert.alert_id, before.version)
            raise
        self.print(answer)
        if question := self.formatter.next_candidate(alert, answer):
            self.console.print(Text(question, style="bold red"))

    def look(self, key: str, finding: str, seen: int) -> None:
        """Record a first look, and print the alert afterwards."""
        alert = self.find(key)
        if alert.look_needed:
            self.carry_out(alert, Decision(_judgement(finding), first_look=True), seen)
        else:
            self.print(alert)

    def print(self, alert: Alert, *, scores: bool = False) -> None:
        """Print an alert, which its reader has seen then."""
        print_alert(self.console, alert, self.formatter, scores=scores)
        self.seen.note(alert)

    def _print_changed(self, alert_id: str, version: int) -> None:
        before, alert = self.seen.find(alert_id, version), self.alert_client.alert(alert_id)
        self.print(alert)
        if came := before and self.formatter.came_since(before, alert):
            self.console.print(Text(came, style="bold red"))


def _judgement(finding: str) -> Step:
    return next(step for step in JUDGEMENTS if STEP_OUTCOMES[step] == finding)


@contextmanager
def _context(settings: NotifierSettings) -> Iterator[CommandContext]:
    configure_logs("error")
    session = SessionFile(settings.session_path)
    # The running console renews claims as long as somebody works, which it sees by the file's time.
    with suppress(FileNotFoundError):
        os.utime(session.file)
    sessions = SessionClient(settings.dialer(), session)
    formatter = NotifierTexts(settings.language, settings.zone)
    with (
        closing(AlertClient(Calls(settings.dialer()), settings.agent_id, settings.wanted, session)) as alert_client,
        explained_refusals(sessions, formatter),
    ):
        seen = SeenVersions(settings.seen_versions_path)
        yield CommandContext(alert_client, sessions, formatter, Console(highlight=False), settings.zone, seen)


_in_context = with_opened(with_settings, _context)


@commands.command("list", epilog=_example("list --all"))
@_in_context
def list_alerts(
    context: CommandContext,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include today's settled alerts.")] = False,
) -> None:
    """List the alerts that somebody has to do something about, however old."""
    client = context.alert_client
    alerts = client.at_hand(day_began(datetime.now(context.zone))) if everything else client.listed(OPEN_STATES)
    print_alerts(context.console, alerts, context.formatter)


@commands.command(epilog=_example("show 4F2A"))
@_in_context
def show(
    context: CommandContext,
    key: Key,
    *,
    scores: Annotated[bool, typer.Option("--scores", help="Also the numbers of its similarity.")] = False,
) -> None:
    """Show all that is known of an alert."""
    context.print(context.find(key), scores=scores)


@commands.command(epilog=_example("claim 4F2A"))
@_in_context
def claim(context: CommandContext, key: Key) -> None:
    """Take an alert; the console that runs on this PC keeps it while you work."""
    context.carry_out(context.find(key), Decision(Step.CLAIM))


@commands.command(epilog=_example("release 4F2A"))
@_in_context
def release(context: CommandContext, key: Key) -> None:
    """Give an alert back."""
    context.carry_out(context.find(key), Decision(Step.RELEASE))


@commands.command("take-over", epilog=_example("take-over 4F2A --seen 2 --reason HOLDER_AWAY"))
@_in_context
def take_over(context: CommandContext, key: Key, *, seen: Seen, reason: ReasonOption, note: Note = "") -> None:
    """Take an alert from whoever holds it or has judged it, for supervisors."""
    context.carry_out(context.find(key), Decision(Step.TAKE_OVER, reason, note), seen)


@commands.command(epilog=_example("look 4F2A --seen 1 --finding NOT_SAME_PERSON"))
@_in_context
def look(context: CommandContext, key: Key, *, seen: Seen, finding: FindingOption) -> None:
    """Record your first look at the two faces; then the rest of the alert is shown. It claims an alert that waits."""
    context.look(key, finding.value, seen)


@commands.command(epilog=_example('refer 4F2A --seen 2 --reason FACE_AGREES --note "same scar"'))
@_in_context
def refer(context: CommandContext, key: Key, *, seen: Seen, reason: ReasonOption, note: Note = "") -> None:
    """It seems to be the same person: to be checked in Cekal Online."""
    context.carry_out(context.find(key), Decision(Step.REFER, reason, note), seen)


@commands.command("not-same", epilog=_example("not-same 4F2A --seen 2 --reason FACE_DIFFERS"))
@_in_context
def not_same(context: CommandContext, key: Key, *, seen: Seen, reason: ReasonOption, note: Note = "") -> None:
    """Not the same person: asks about the next candidate, or clears the alert; never the subject."""
    context.carry_out(context.find(key), Decision(Step.NOT_SAME, reason, note), seen)


@commands.command("cannot-tell", epilog=_example("cannot-tell 4F2A --seen 2 --reason IMAGE_TOO_POOR"))
@_in_context
def cannot_tell(context: CommandContext, key: Key, *, seen: Seen, reason: ReasonOption, note: Note = "") -> None:
    """You cannot decide; a supervisor decides."""
    context.carry_out(context.find(key), Decision(Step.CANNOT_TELL, reason, note), seen)


@commands.command(epilog=_example("undo 4F2A"))
@_in_context
def undo(context: CommandContext, key: Key) -> None:
    """Undo your judgement of the last ten seconds; the alert is yours again."""
    context.print(context.alert_client.undo(context.find(key).alert_id))


@commands.command(epilog=_example("confirm 4F2A --seen 3 --reference CO-2026/00123 --second-signature"))
@_in_context
def confirm(
    context: CommandContext,
    key: Key,
    *,
    seen: Seen,
    reference: Reference = "",
    central_system_down: Annotated[
        bool, typer.Option("--central-system-down", help="Cekal Online cannot be reached: the number is owed.")
    ] = False,
    note: Note = "",
    second_signature: Annotated[
        bool, typer.Option("--second-signature", help="A supervisor at your side signs in, only for this step.")
    ] = False,
    by_password: ByPassword = False,
    beside: Annotated[
        bool, typer.Option("--beside", hidden=True, help="The name of --second-signature in 0.2.0.")
    ] = False,
) -> None:
    """Cekal Online lists the traveller: by a supervisor who did not judge the alert."""
    if beside:
        tell_new_name("--beside", "--second-signature")
    say = context.formatter.say
    is_signed = second_signature or beside
    reason = Reason.CENTRAL_SYSTEM_DOWN if central_system_down else Reason.LISTED_IN_CEKAL_ONLINE
    decision = Decision(Step.CONFIRM, reason, note, reference=reference.strip().upper())
    if not is_signed:
        context.carry_out(context.find(key), decision, seen)
        return
    actions = AlertActions(context.alert_client, context.sessions)
    prover = ask_proof(context.sessions, context.formatter, by_password=by_password)
    signature = prover.prove(actions.sign_beside)
    try:
        alert = context.find(key)
        if signature.must_look(alert):
            context.console.print(say("LOOK_HINT"))
            found = ask(f"{say('LOOK_BESIDE')} ({', '.join(FirstFinding)})").strip().upper()
            if found not in set(FirstFinding):
                raise ProgramError(say("LOOK_BESIDE"), Exit.USAGE)
            actions.look_beside(alert, _judgement(found), signature)
            alert = context.find(key)
        context.carry_out(alert, replace(decision, supervisor=signature), seen)
    finally:
        actions.leave(signature)


@commands.command(epilog=_example("owed"))
@_in_context
def owed(context: CommandContext) -> None:
    """List the hits whose reference number of Cekal Online is owed, and for how long."""
    owing = context.alert_client.owing()
    print_alerts(context.console, owing, context.formatter)
    for line in context.formatter.references_owed(owing, datetime.now(UTC)):
        context.console.print(Text(line, style="bold red"))


@commands.command("enter-reference", epilog=_example("enter-reference 4F2A --seen 4 --reference CO-2026/00123"))
@_in_context
def enter_reference(context: CommandContext, key: Key, *, seen: Seen, reference: Reference, note: Note = "") -> None:
    """Enter the reference number of a hit that was confirmed without it."""
    context.carry_out(
        context.find(key), Decision(Step.ENTER_REFERENCE, note=note, reference=reference.strip().upper()), seen
    )


@commands.command("take-back", epilog=_example("take-back 4F2A --seen 4 --reason NOT_LISTED_IN_CEKAL_ONLINE"))
@_in_context
def take_back(context: CommandContext, key: Key, *, seen: Seen, reason: ReasonOption, note: Note = "") -> None:
    """Take back a hit whose reference number is owed."""
    context.carry_out(context.find(key), Decision(Step.TAKE_BACK, reason, note), seen)


@commands.command(epilog=_example("clear 4F2A --seen 3 --reason NOT_LISTED_IN_CEKAL_ONLINE"))
@_in_context
def clear(
    context: CommandContext,
    key: Key,
    *,
    seen: Seen,
    reason: ReasonOption,
    note: Note = "",
) -> None:
    """Clear an alert after a referral: not listed, or not the same person. Also an alert without an order in force."""
    context.carry_out(context.find(key), Decision(Step.CLEAR, reason, note), seen)


@commands.command("follow-up", epilog=_example('follow-up 4F2A --contact "duty desk, by phone" --result "they come"'))
@_in_context
def follow_up(
    context: CommandContext,
    key: Key,
    *,
    contact: Annotated[str, typer.Option(metavar="TEXT", help="Who was spoken to, and how.")],
    result: Annotated[str, typer.Option(metavar="TEXT", help="Its result.")],
    agency: Annotated[str, typer.Option(metavar="TEXT", help="Default: the first that must still be told.")] = "",
) -> None:
    """Record a contact with the agency, made just now."""
    alert = context.find(key)
    told = FollowUp(agency or next(iter(alert.agencies), ""), contact, result, datetime.now(UTC))
    context.carry_out(alert, Decision(Step.FOLLOW_UP, follow_up=told))


@commands.command(epilog=_example("close 4F2A"))
@_in_context
def close(context: CommandContext, key: Key) -> None:
    """Close an alert that was cleared, or confirmed when every agency was told."""
    context.carry_out(context.find(key), Decision(Step.CLOSE))


@commands.command(epilog=_example("record 4F2A berita-acara.html"))
@_in_context
def record(
    context: CommandContext,
    key: Key,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; the file must not exist.")],
) -> None:
    """Write the record of a hit for the office's file, in Indonesian, as a page to print (HTML)."""
    if file.exists():
        raise ProgramError(f"{file}: {os.strerror(errno.EEXIST)}", Exit.USAGE)
    alert = context.alert_client.record(context.find(key).alert_id)
    made_by = context.sessions.whoami().display_name
    texts = NotifierTexts(Language.ID, context.zone)
    page = record_html(alert_record(alert, texts, datetime.now(UTC), made_by), Language.ID)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
            written.write(page)
    except OSError as error:
        raise ProgramError(f"{file}: {error.strerror}", Exit.UNAVAILABLE) from None


@commands.command(epilog=_example("shift --hours 12 --csv shift.csv"))
@_in_context
def shift(
    context: CommandContext,
    *,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="Length of the shift until now.")] = 8,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the figures into this file.")] = None,
) -> None:
    """Figures of the shift, for supervisors."""
    end = datetime.now(context.zone)
    start = end - timedelta(hours=hours)
    report = context.alert_client.report(start)
    print_report(context.console, report, context.formatter)
    if csv:
        try:
            csv.write_text(figures_csv(report, start, end), encoding="utf-8-sig", newline="")
        except OSError as error:
            raise ProgramError(f"{csv}: {error.strerror}", Exit.UNAVAILABLE) from None
