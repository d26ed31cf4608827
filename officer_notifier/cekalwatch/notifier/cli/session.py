"""Commands with which a person signs in on this PC. Names and passwords are asked for, and never arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import grpc
import typer

from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.cli.options import with_settings
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.refusals import UNREACHABLE, explain
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.cli.prompts import ask, ask_secret
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.translations import Texts
from cekalwatch.wire.calls import told_by


@with_settings
def sign_in(settings: NotifierSettings) -> None:
    """Sign in on this PC; a first password must be changed at once. The notifier that runs here signs in with you."""
    with _client(settings) as (client, texts):
        name = ask(texts.say("SIGN_IN_NAME"))
        password = ask_secret(texts.say("PASSWORD"))
        who = client.sign_in(name, password)
        if who.password_change_needed:
            typer.echo(texts.say("CHANGE_FIRST_PASSWORD"), err=True)
            client.change_password(password, _new_password(texts))
        _print_session(who, texts, settings.zone)


@with_settings
def sign_out(settings: NotifierSettings) -> None:
    """End the session on this PC."""
    with _client(settings) as (client, texts):
        client.sign_out()
        typer.echo(texts.say("SIGNED_OUT"))


@with_settings
def whoami(settings: NotifierSettings) -> None:
    """Show the person who is signed in on this PC."""
    with _client(settings) as (client, texts):
        _print_session(client.whoami(), texts, settings.zone)


@with_settings
def password(settings: NotifierSettings) -> None:
    """Change the password of the signed-in person. Sessions on other devices end."""
    with _client(settings) as (client, texts):
        present = ask_secret(texts.say("PRESENT_PASSWORD"))
        client.change_password(present, _new_password(texts))
        typer.echo(texts.say("PASSWORD_CHANGED"))


@contextmanager
def explained_refusals(client: SessionClient, texts: Texts) -> Iterator[None]:
    """Raise ProgramError, in words for a person, when a call in the block is refused."""
    try:
        yield
    except grpc.RpcError as error:
        words = explain(error, texts)
        if error.code() not in UNREACHABLE:
            raise ProgramError(words, Exit.REFUSED) from None
        why = client.why_refused() or told_by(error)
        raise ProgramError(f"{client.addresses}: {words} ({why})", Exit.UNAVAILABLE) from None


@contextmanager
def _client(settings: NotifierSettings) -> Iterator[tuple[SessionClient, Texts]]:
    configure_logs("error")
    client = SessionClient(settings.dialer(), SessionFile(settings.session_path))
    texts = NotifierTexts(settings.language)
    with explained_refusals(client, texts):
        yield client, texts


def _new_password(texts: Texts) -> str:
    wanted = ask_secret(texts.say("NEW_PASSWORD"))
    if ask_secret(texts.say("NEW_PASSWORD_AGAIN")) != wanted:
        raise ProgramError(texts.say("PASSWORDS_DIFFER"), Exit.USAGE)
    return wanted


def _print_session(who: PersonSession, texts: Texts, zone: ZoneInfo) -> None:
    roles = ", ".join(texts.say(f"ROLE_{role}") for role in sorted(who.roles))
    until = f"{who.expires_at.astimezone(zone):%H:%M %Z}"
    typer.echo(texts.say("SIGNED_IN", name=who.display_name, roles=roles, time=until))
