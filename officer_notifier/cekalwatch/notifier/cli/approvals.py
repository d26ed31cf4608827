"""Commands with which a person signs at this PC, as the second one, what somebody asks for at another machine."""

from __future__ import annotations

from typing import Annotated

import typer

from cekalwatch.contract.values.approvals import Approval
from cekalwatch.notifier.cli.options import with_settings
from cekalwatch.notifier.cli.session import office_client
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.locale.approval_words import asked_for, signed_facts, silenced_words
from cekalwatch.program.cli.prompts import ask
from cekalwatch.program.errors import Exit, ProgramError

SHOWN_DIGITS = 8
"""Of a request's key; a command takes as many as distinguish it."""

commands = typer.Typer(no_args_is_help=True, help="Sign, as the second person, what is asked for at another machine.")
Key = Annotated[str, typer.Argument(metavar="KEY", help="The first characters of the request's key.")]


def _example(arguments: str) -> str:
    """Return what the help of a command ends with."""
    return f"Example:\n\n  cekalwatch-notifier approvals {arguments}"


@commands.command("list", epilog=_example("list"))
@with_settings
def list_approvals(settings: NotifierSettings) -> None:
    """Show the requests that you may sign, with each value."""
    with office_client(settings) as (client, texts):
        waiting = client.approvals().waiting
        for one in waiting:
            _print(one, texts, settings)
        if not waiting:
            typer.echo(texts.say("NO_APPROVALS"))


@commands.command(epilog=_example("sign 4F2A"))
@with_settings
def sign(settings: NotifierSettings, key: Key) -> None:
    """Show a request with each value, and sign it once you have typed its key again."""
    with office_client(settings) as (client, texts):
        one = _find(client, key, texts)
        _print(one, texts, settings)
        if signed_facts(one, texts) is None:
            raise ProgramError(texts.say("APPROVAL_UNREADABLE"), Exit.REFUSED)
        if ask(texts.say("APPROVAL_TYPE_KEY")).strip() != one.approval_id[:SHOWN_DIGITS]:
            raise ProgramError(texts.say("APPROVAL_NOT_SIGNED"), Exit.USAGE)
        client.answer_approval(one.approval_id, one.digest, sign=True)
        typer.echo(texts.say("APPROVAL_DONE_SIGN"))


@commands.command(epilog=_example("refuse 4F2A"))
@with_settings
def refuse(settings: NotifierSettings, key: Key) -> None:
    """Refuse to sign a request: whoever asked is told so."""
    with office_client(settings) as (client, texts):
        one = _find(client, key, texts)
        client.answer_approval(one.approval_id, one.digest, sign=False)
        typer.echo(texts.say("APPROVAL_DONE_REFUSE"))


def _find(client: SessionClient, key: str, texts: NotifierTexts) -> Approval:
    found = [one for one in client.approvals().waiting if key and one.approval_id.startswith(key)]
    if len(found) != 1:
        raise ProgramError(texts.say("REFUSED_APPROVAL_GONE"), Exit.REFUSED)
    return found[0]


def _print(one: Approval, texts: NotifierTexts, settings: NotifierSettings) -> None:
    asked_at = f"{one.asked_at.astimezone(settings.zone):%H:%M:%S %Z}"
    name = one.first.display_name or texts.say("UNKNOWN")
    typer.echo(f"{one.approval_id[:SHOWN_DIGITS]}  {asked_for(one, texts)}")
    typer.echo(f"  {texts.say('APPROVAL_ASKED_BY', name=name, device=one.device, time=asked_at)}")
    for line in silenced_words(one, texts, settings.zone):
        typer.echo(f"  {line}")
    for fact in signed_facts(one, texts) or ():
        typer.echo(f"  {fact.label}: {fact.value}")
