"""Commands with which a person signs in on this PC. Names and passwords are asked for, and never arguments."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated
from zoneinfo import ZoneInfo

import grpc
import typer

from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.cli.options import with_settings
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.notifier.signing_in.browser_sign_in import (
    BrowserSignIn,
    Prover,
    TypedPassword,
    end_at_provider,
    offered,
)
from cekalwatch.office.client.refusals import UNREACHABLE, explain
from cekalwatch.office.client.session_client import Password, SessionClient
from cekalwatch.program.cli.prompts import ask, ask_secret
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.session_file import SessionFile
from cekalwatch.program.translations import Texts
from cekalwatch.wire.calls import told_by

ByPassword = Annotated[
    bool, typer.Option("--by-password", help="With a password, also where there is an identity provider.")
]


@with_settings
def sign_in(settings: NotifierSettings, *, by_password: ByPassword = False) -> None:
    """Sign in on this PC, through the office's identity provider where there is one.

    A first password must be changed at once. The notifier that runs here signs in with you.
    """
    with office_client(settings) as (client, texts):
        prover = ask_proof(client, texts, by_password=by_password)
        who = prover.prove(client.sign_in)
        if who.password_change_needed and isinstance(prover, TypedPassword):
            typer.echo(texts.say("CHANGE_FIRST_PASSWORD"), err=True)
            client.change_password(prover.password.password, _new_password(texts))
        _print_session(who, texts, settings.zone)


@with_settings
def sign_out(settings: NotifierSettings) -> None:
    """End the session on this PC."""
    with office_client(settings) as (client, texts):
        by_provider = False
        with suppress(grpc.RpcError):
            by_provider = client.whoami().by_provider
        client.sign_out()
        if by_provider:
            end_at_provider(client, texts)
        typer.echo(texts.say("SIGNED_OUT"))


@with_settings
def whoami(settings: NotifierSettings) -> None:
    """Show the person who is signed in on this PC."""
    with office_client(settings) as (client, texts):
        _print_session(client.whoami(), texts, settings.zone)


@with_settings
def password(settings: NotifierSettings) -> None:
    """Change the password of the signed-in person. Sessions on other devices end."""
    with office_client(settings) as (client, texts):
        present = ask_secret(texts.say("PRESENT_PASSWORD"))
        client.change_password(present, _new_password(texts))
        typer.echo(texts.say("PASSWORD_CHANGED"))


def ask_proof(sessions: SessionClient, texts: Texts, *, by_password: bool) -> Prover:
    """Return how a person here proves who they are: in the browser, or by name and password, which are asked for."""
    provider = None
    with suppress(grpc.RpcError):  # a server that is away refuses the password then, and says why
        provider = None if by_password else offered(sessions)
    if provider is None:
        return TypedPassword(Password(ask(texts.say("SIGN_IN_NAME")), ask_secret(texts.say("PASSWORD"))))
    opened = texts.say("BROWSER_OPENED", provider=provider.host)

    def open_browser(address: str) -> bool:
        typer.echo(f"{opened}\n{address}", err=True)
        webbrowser.open(address)
        return True

    return BrowserSignIn(sessions, texts, open_browser)


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
def office_client(settings: NotifierSettings) -> Iterator[tuple[SessionClient, NotifierTexts]]:
    """Yield the calls about the person who is signed in here, and texts; a refusal is told in words for a person."""
    configure_logs("error")
    client = SessionClient(settings.dialer(), SessionFile(settings.session_path))
    texts = NotifierTexts(settings.language, settings.zone)
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
