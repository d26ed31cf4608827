"""`cekalwatch-server init`: sets a site up, from the settings to the invitations of its devices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.program.translations import Language

EPILOG = (
    "Examples:\n\n  cekalwatch-server init\n\n"
    "  cekalwatch-server init --answers batam.toml --sheets /media/usb/hand-over\n\n"
    "The file of answers is TOML: office, hosts, administrator, administrator_name, [\\[sites]], [\\[cameras]] …; "
    "docs/install.md has one. Exit code 0: the site is made, whatever `check` still wants. 2: there is a site already. "
    "78: an answer is wrong."
)


def init(
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with all answers, instead of being asked.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that the settings go to; /etc/cekalwatch/server.toml.")
    ] = None,
    sheets: Annotated[
        Path, typer.Option(metavar="DIR", help="New folder for hand-over sheets and invitations.")
    ] = Path("hand-over"),
    language: Annotated[Language, typer.Option(help="Language of the hand-over sheets.")] = Language.ID,
) -> None:
    """Set a site up: settings, authority, certificate, keys, database, model pack, administrator and invitations.

    Run it as the account under which the server runs. Existing files stay as they are.
    """
    from datetime import UTC, datetime

    from cekalwatch.program.checks.results import CheckVerdict
    from cekalwatch.program.cli.command import packaged
    from cekalwatch.program.cli.prompts import tell
    from cekalwatch.program.errors import ProgramError
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.program.translations import Texts
    from cekalwatch.server.cli.models import install
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.setup.answers import Answers, ask_answers
    from cekalwatch.server.setup.checks.installation import check_installation, one_administrator
    from cekalwatch.server.setup.site import check_folder_of_sheets, found_site, write_sheets

    configure_logs("error")
    file = ServerSettings.new_file(config).absolute()
    given = Answers.load(answers) if answers else ask_answers()
    now = datetime.now(UTC)
    check_folder_of_sheets(sheets)
    founded = found_site(given, file, now)
    typer.echo(one_administrator(given.administrator))
    typer.echo(f"First password of {given.administrator}, shown only here: {founded.first_password}")
    written = write_sheets(founded, given.office, sheets, Texts("cekalwatch.server", language), now)
    try:
        install(config=file, models_dir=None, name=given.model_pack)
    except ProgramError as error:
        tell(f"The model pack is missing: {error}")
    named = "" if file in ServerSettings.usual_files() else f" --config {file}"
    for result in check_installation(ServerSettings.load_with_sources(file), datetime.now(UTC)):
        if result.verdict is not CheckVerdict.OK:
            typer.echo(f"{result.verdict:<4}  {result.camera_id or result.subject}: {result.text}")
    typer.echo(
        f"The site is made. Settings: {file}; data: {given.data_dir}; hand-over sheets: {', '.join(map(str, written))}"
    )
    service = packaged("cekalwatch-server")
    program = "sudo -u cekalwatch-server cekalwatch-server" if service else "cekalwatch-server"
    typer.echo("Next:")
    for number, step in enumerate(
        (
            f"copy the keys that the sheets name to where they are kept, and {sheets} to each port; then delete it",
            "sudo systemctl start cekalwatch-server" if service and not named else f"{program} serve{named}",
            "at each device within a day: cekalwatch-camera, -notifier or -console init, with its invitation",
            f"{program} people add NAME --display-name NAME --role supervisor{named}, and another administrator",
            f"{program} watchlist import FOLDER{named}, or a source (docs/connect-cekal.md)",
            f"{program} check{named}",
        ),
        1,
    ):
        typer.echo(f"  {number}. {step}")
