"""Commands with which a person signs in on this PC. Names and passwords are asked for, and never arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import grpc
import typer

from cekalwatch.notifier.client.refusals import UNREACHABLE, explain
from cekalwatch.notifier.client.session_client import SessionClient
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.locale.translations import Language, translate
from cekalwatch.notifier.model.person import Session
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.prompts import ask, ask_secret
from cekalwatch.program.session_file import SessionFile

Server = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The server; default 127.0.0.1:50051.")]
AgentId = Annotated[str | None, typer.Option(metavar="KEY", help="Key of this agent; default: the name of this PC.")]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with settings.")]
LanguageOption = Annotated[Language | None, typer.Option(help="Language of what is said; default id.")]


def sign_in(
    *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Sign in on this PC; a first password must be changed at once. The notifier that runs here takes it up."""
    with _client(server, agent_id, language, config) as (client, says):
        name = ask(translate(Phrase.SIGN_IN_NAME, says))
        password = ask_secret(translate(Phrase.PASSWORD, says))
        who = client.sign_in(name, password)
        if who.password_change_needed:
            typer.echo(translate(Phrase.CHANGE_FIRST_PASSWORD, says), err=True)
            client.change_password(password, _new_password(says))
        _tell(who, says)


def sign_out(
    *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """End the session on this PC."""
    with _client(server, agent_id, language, config) as (client, says):
        client.sign_out()
        typer.echo(translate(Phrase.SIGNED_OUT, says))


def whoami(
    *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Tell who is signed in on this PC."""
    with _client(server, agent_id, language, config) as (client, says):
        _tell(client.whoami(), says)


def password(
    *, server: Server = None, agent_id: AgentId = None, language: LanguageOption = None, config: Config = None
) -> None:
    """Change the password of who is signed in here. Sessions on other devices end."""
    with _client(server, agent_id, language, config) as (client, says):
        present = ask_secret(translate(Phrase.PRESENT_PASSWORD, says))
        client.change_password(present, _new_password(says))
        typer.echo(translate(Phrase.PASSWORD_CHANGED, says))


@contextmanager
def _client(
    server: str | None, agent_id: str | None, language: Language | None, config: Path | None
) -> Iterator[tuple[SessionClient, Language]]:
    settings = NotifierSettings.load(config, server_address=server, agent_id=agent_id, language=language)
    configure_logs("error")
    client = SessionClient(settings.dialer(), SessionFile(settings.session_path))
    try:
        yield client, settings.language
    except grpc.RpcError as error:
        raise _problem(error, client, settings.language) from None


def _problem(error: grpc.RpcError, client: SessionClient, says: Language) -> ProgramError:
    words = explain(error, says)
    if error.code() not in UNREACHABLE:
        return ProgramError(words, Exit.REFUSED)
    return ProgramError(f"{client.address}: {words} ({client.why_refused() or error.details()})", Exit.UNAVAILABLE)


def _new_password(says: Language) -> str:
    wanted = ask_secret(translate(Phrase.NEW_PASSWORD, says))
    if ask_secret(translate(Phrase.NEW_PASSWORD_AGAIN, says)) != wanted:
        raise ProgramError(translate(Phrase.PASSWORDS_DIFFER, says), Exit.USAGE)
    return wanted


def _tell(who: Session, says: Language) -> None:
    roles = ", ".join(translate(Phrase(f"ROLE_{role}"), says) for role in sorted(who.roles))
    until = f"{who.expires_at.astimezone():%H:%M}"
    typer.echo(translate(Phrase.SIGNED_IN, says, name=who.display_name, roles=roles, time=until))
