"""Commands with which people work on alerts without a desktop. They do what the windows do, by the same calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.console import Console

from cekalwatch.notifier.actions.alert_actions import AlertActions, Decision, SignInProof
from cekalwatch.notifier.actions.shift_csv import figures_csv
from cekalwatch.notifier.cli.alert_output import print_alert, print_alerts, print_report
from cekalwatch.notifier.cli.session import AgentId, Config, LanguageOption, Server
from cekalwatch.notifier.client.alert_client import AlertClient
from cekalwatch.notifier.client.refusals import UNREACHABLE, explain
from cekalwatch.notifier.client.session_client import SessionClient
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.model.alert import Alert
from cekalwatch.notifier.model.handling import FollowUp
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.prompts import ask, ask_secret
from cekalwatch.program.session_file import SessionFile
from cekalwatch.wire.vocabulary.adjudication import OPEN_STATES, Reason, Step

MIN_OF_A_KEY = 4

Key = Annotated[str, typer.Argument(metavar="KEY", help="The alert's key, or its last characters, 4 or more.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="More about it, at most 1000 characters.")]
ReasonOption = Annotated[Reason, typer.Option(case_sensitive=False, help="Why; OTHER needs a note.")]

commands = typer.Typer(no_args_is_help=True, help="Work on alerts without a desktop; sign in first.")


@dataclass(frozen=True)
class CommandContext:
    """What a command works with."""

    settings: NotifierSettings
    cases: AlertClient
    sessions: SessionClient
    wording: AlertFormatter
    console: Console

    def find(self, key: str) -> Alert:
        """Return the alert with this key, or the one whose key ends so; raises ProgramError when it is not one."""
        key = key.lower()
        if len(key) < MIN_OF_A_KEY:
            raise ProgramError(self.wording.say(Phrase.KEY_TOO_SHORT, count=MIN_OF_A_KEY), Exit.USAGE)
        since = datetime.now(UTC) - timedelta(days=2)
        found = [one for one in self.cases.listed(raised_from=since) if one.alert_id.endswith(key)]
        if len(found) != 1:
            raise ProgramError(self.wording.say(Phrase.KEY_FITS, count=len(found)), Exit.USAGE)
        return found[0]

    def do(self, key: str, decision: Decision) -> None:
        """Carry a decision out, and print the alert as it stands then."""
        notice = self.find(key)
        answer = AlertActions(self.cases, self.sessions).carry_out(notice, decision)
        print_alert(self.console, answer, self.wording)


@contextmanager
def _desk(
    server: str | None, agent_id: str | None, language: str | None, config: Path | None
) -> Iterator[CommandContext]:
    settings = NotifierSettings.load(config, server_address=server, agent_id=agent_id, language=language)
    configure_logs("error")
    session = SessionFile(settings.session_path)
    # The console that runs here renews claims for as long as somebody works: it looks at the file's time.
    with suppress(FileNotFoundError):
        os.utime(session.file)
    sessions = SessionClient(settings.dialer(), session)
    with closing(AlertClient(settings.dialer(), settings.agent_id, settings.wanted, session)) as cases:
        try:
            yield CommandContext(settings, cases, sessions, AlertFormatter(settings.language), Console(highlight=False))
        except grpc.RpcError as error:
            words = explain(error, settings.language)
            raise ProgramError(words, Exit.UNAVAILABLE if error.code() in UNREACHABLE else Exit.REFUSED) from None


@commands.command("list")
def list_alerts(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """List today's alerts that somebody has to do something about."""
    with _desk(server, agent_id, language, config) as desk:
        today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        states = frozenset() if everything else OPEN_STATES
        print_alerts(desk.console, desk.cases.listed(states, today), desk.wording)


@commands.command()
def show(
    key: Key, *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Show all that is known of an alert."""
    with _desk(server, agent_id, language, config) as desk:
        print_alert(desk.console, desk.find(key), desk.wording)


@commands.command()
def claim(
    key: Key, *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Take an alert; the console that runs on this PC keeps it while you work."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.CLAIM))


@commands.command()
def release(
    key: Key, *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Give an alert back."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.RELEASE))


@commands.command()
def refer(
    key: Key,
    *,
    reason: ReasonOption = Reason.FACE_AGREES,
    note: Note = "",
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """The same person, as it seems: to be checked in Cekal Online."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.REFER, reason, note))


@commands.command("not-same")
def not_same(
    key: Key,
    *,
    reason: ReasonOption = Reason.FACE_DIFFERS,
    note: Note = "",
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """Not the same person: clears the alert, and never the subject."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.NOT_SAME, reason, note))


@commands.command("cannot-tell")
def cannot_tell(
    key: Key,
    *,
    reason: ReasonOption = Reason.IMAGE_TOO_POOR,
    note: Note = "",
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """It cannot be told; a supervisor decides."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.CANNOT_TELL, reason, note))


@commands.command()
def confirm(
    key: Key,
    *,
    reference: Annotated[str, typer.Option(metavar="NUMBER", help="Reference number of Cekal Online.")],
    note: Note = "",
    beside: Annotated[
        bool, typer.Option("--beside", help="A supervisor beside you signs in for this step only.")
    ] = False,
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """Cekal Online lists the traveller: by a supervisor who did not judge the alert."""
    with _desk(server, agent_id, language, config) as desk:
        say = desk.wording.say
        proof = SignInProof(ask(say(Phrase.SIGN_IN_NAME)), ask_secret(say(Phrase.PASSWORD))) if beside else None
        decision = Decision(
            Step.CONFIRM, Reason.LISTED_IN_CEKAL_ONLINE, note, reference=reference.strip().upper(), supervisor=proof
        )
        desk.do(key, decision)


@commands.command()
def clear(
    key: Key,
    *,
    reason: ReasonOption = Reason.NOT_LISTED_IN_CEKAL_ONLINE,
    note: Note = "",
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """After a referral: not listed, or not the same person after all."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.CLEAR, reason, note))


@commands.command("follow-up")
def follow_up(
    key: Key,
    *,
    contact: Annotated[str, typer.Option(metavar="TEXT", help="Who was spoken to, and how.")],
    result: Annotated[str, typer.Option(metavar="TEXT", help="What came of it.")],
    agency: Annotated[str, typer.Option(metavar="TEXT", help="Default: the one that asked for the ban.")] = "",
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """Record a contact with the agency, made just now."""
    with _desk(server, agent_id, language, config) as desk:
        orders = desk.find(key).orders
        told = FollowUp(agency or (orders[0].requesting_agency if orders else ""), contact, result, datetime.now(UTC))
        desk.do(key, Decision(Step.FOLLOW_UP, follow_up=told))


@commands.command()
def close(
    key: Key, *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Close an alert that was cleared, or confirmed and followed up."""
    with _desk(server, agent_id, language, config) as desk:
        desk.do(key, Decision(Step.CLOSE))


@commands.command()
def shift(
    *,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="Length of the shift until now.")] = 8,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures into this file too.")] = None,
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """Figures of the shift, for supervisors."""
    with _desk(server, agent_id, language, config) as desk:
        end = datetime.now().astimezone()
        start = end - timedelta(hours=hours)
        report = desk.cases.report(start)
        print_report(desk.console, report, desk.wording)
        if csv:
            try:
                csv.write_text(figures_csv(report, start, end), encoding="utf-8-sig", newline="")
            except OSError as error:
                raise ProgramError(f"{csv}: {error.strerror}", Exit.UNAVAILABLE) from None
