"""The command line of `cekalwatch-notifier`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.contract.values.orders import Direction
from cekalwatch.notifier.cli import session as session_command
from cekalwatch.notifier.cli.alerts import commands as alert_commands
from cekalwatch.notifier.cli.approvals import commands as approval_commands
from cekalwatch.notifier.cli.options import AgentId, Config, LanguageOption, Server
from cekalwatch.notifier.cli.problems import commands as problem_commands
from cekalwatch.notifier.console.run import OutputFormat, run
from cekalwatch.notifier.desktop.autostart import agent_command, autostart
from cekalwatch.notifier.settings import DEFAULT_TLS_DIR, NotifierSettings, ThemeName
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.checks.this_pc import ThisPc, report_this_pc
from cekalwatch.program.cli.command import require_extra
from cekalwatch.program.cli.prompts import tell_new_name
from cekalwatch.program.cli.shared_commands import (
    InvitationFile,
    TlsDirOption,
    add_enrol,
    add_settings,
    add_version,
    naming,
    tell_set_up,
)
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.platform.installation import Installation
from cekalwatch.program.platform.interpreter import python_command
from cekalwatch.program.platform.message_box import expect_person
from cekalwatch.program.platform.places import ON_A_STICK, ON_THE_DISK
from cekalwatch.program.platform.session import STOPPED_BY
from cekalwatch.program.settings import keys_folder
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add_version(app, "cekalwatch-notifier", "Shows alerts of possible watchlist matches to an officer.")
app.add_typer(alert_commands, name="alerts")
app.add_typer(problem_commands, name="problems")
app.add_typer(approval_commands, name="approvals")
app.add_typer(
    problem_commands, name="troubles", hidden=True, callback=lambda: tell_new_name("`troubles`", "`problems`")
)


@app.command(
    epilog=f"""Examples:

    cekalwatch-notifier console --language en

    cekalwatch-notifier console --site batam-center --counter 3 --counter 4 --direction departure

    cekalwatch-notifier console --format jsonl > alerts.jsonl

    cekalwatch-notifier console --format jsonl --rings --counter 3 | our-own-screen

Exit codes: 0 stopped by {STOPPED_BY}; 1 nobody reads the output any more; 2 wrong option;
69 the record is in use by another notifier, or a folder cannot be written; 78 wrong setting, or the server refuses.
""",
)
def console(
    *,
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only alerts of this site.")] = None,
    counter: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only alerts of this counter; may be given several times.")
    ] = None,
    direction: Annotated[
        Direction | None, typer.Option(case_sensitive=False, help="Only alerts of this direction.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where pictures are put until the notifier ends.")
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--format", help="A live table, or one JSON object a line for programs.")
    ] = OutputFormat.LIVE,
    rings: Annotated[
        bool,
        typer.Option(
            "--rings",
            help="With JSON lines: a person at the counter hears of each alert by the program that reads them, so that "
            "this counts as the counter's PC.",
        ),
    ] = False,
    config: Config = None,
    from_start: Annotated[
        bool,
        typer.Option(
            "--from-start",
            help="Begin with the oldest event that the server holds, if you have signed in; skip what was shown here.",
        ),
    ] = False,
    from_now: Annotated[bool, typer.Option("--from-now", help="Skip what happened before now.")] = False,
) -> None:
    """Show alerts as they come, until Ctrl-C. It continues where it stopped, even after a crash."""
    if from_start and from_now:
        raise typer.BadParameter("choose one of --from-start and --from-now")
    loaded = NotifierSettings.load_with_sources(
        config,
        server_addresses=server,
        agent_id=agent_id,
        language=language,
        site=site,
        counters=tuple(counter) if counter else None,
        direction=direction,
        images_dir=images,
    )
    if output is OutputFormat.LIVE:
        loaded.told()
    else:
        configure_logs(loaded.values.log_level)
        loaded.log()
    start = Start.BEGINNING if from_start else Start.NOW if from_now else Start.ACKNOWLEDGED
    run(loaded.values, start, output, rings=rings)


@app.command(
    epilog="""Examples:

    cekalwatch-notifier desktop

    cekalwatch-notifier desktop --config notifier.toml --theme DARK

Exit codes: 0 closed, or a first one was brought to the front; 2 wrong option; 69 the record is in use by a console, or
a folder cannot be written; 70 the extra `desktop` is not installed; 78 wrong setting, or the server refuses.
""",
)
def desktop(
    *,
    server: Server = None,
    agent_id: AgentId = None,
    language: LanguageOption = None,
    theme: Annotated[ThemeName | None, typer.Option(case_sensitive=False, help="Default: like the desktop.")] = None,
    config: Config = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start it again after each crash; `install` runs it in this way.")
    ] = False,
) -> None:
    """Run in the tray, and bring alerts to the front. A second start shows the window of the first."""
    expect_person()
    require_extra("desktop", ("PySide6",))
    if restart:
        from cekalwatch.notifier.desktop.restarting import keep_running

        configure_logs()
        arguments = [one for one in sys.argv[1:] if one != "--restart"]
        installation = Installation("notifier")
        command = python_command("cekalwatch.notifier", *arguments)
        raise typer.Exit(keep_running(command, successor=lambda: installation.successor(*sys.argv[1:])))
    from cekalwatch.notifier.desktop.run import run as run_desktop

    loaded = NotifierSettings.load_with_sources(
        config, server_addresses=server, agent_id=agent_id, language=language, theme=theme
    )
    configure_logs(loaded.values.log_level)
    loaded.log()
    if Installation("notifier").is_there and not TlsFiles(loaded.values.tls_dir).certificate.exists():
        raise ProgramError(
            "This PC is not enrolled yet: an administrator runs cekalwatch-notifier init --invitation FILE",
            Exit.CONFIG,
        )
    run_desktop(loaded.values, Start.ACKNOWLEDGED)


@app.command(
    epilog=f"""Examples:

    cekalwatch-notifier train --faces {ON_THE_DISK}practice

    cekalwatch-notifier train --config notifier.toml --language en

The folder has one folder a person, with JPEG files, of people who agreed to it in writing; never photographs of a list.

Exit codes: 0 closed; 2 no folder; 66 the folder cannot be read, or has too few people; 70 the extra `desktop` is not
installed; 78 wrong setting.
""",
)
def train(
    *,
    faces: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Photographs to practise with; the setting `training_dir`.")
    ] = None,
    language: LanguageOption = None,
    config: Config = None,
) -> None:
    """Practise with twenty pairs of faces, with the keys of an alert. It needs no server, and stores nothing."""
    expect_person()
    require_extra("desktop", ("PySide6",))
    from cekalwatch.notifier.desktop.practising import run_training

    settings = NotifierSettings.load(config, language=language, training_dir=faces)
    if settings.training_dir is None:
        raise typer.BadParameter("name the folder of photographs", param_hint="--faces")
    configure_logs(settings.log_level)
    run_training(settings, settings.training_dir)


add_settings(app, "cekalwatch-notifier", NotifierSettings)


@app.command(
    epilog="Examples:\n\n  cekalwatch-notifier check\n\n  cekalwatch-notifier check --json\n\n"
    "Exit code 0: nothing fails. 1: something does. 78: a setting is wrong."
)
def check(
    config: Config = None,
    server: Server = None,
    agent_id: AgentId = None,
    as_json: AsJson = False,
    this_pc: ThisPc = False,
) -> None:
    """Check this PC, and say what to do: one line for each part, with OK, WARN or FAIL."""
    from datetime import UTC, datetime

    from cekalwatch.notifier.checks import LIBRARIES, QUESTIONS, check_installation

    loaded = NotifierSettings.load_with_sources(config, server_addresses=server, agent_id=agent_id)
    loaded.told()
    found = check_installation(loaded, datetime.now(UTC))
    if this_pc:
        report_this_pc("cekalwatch-notifier", found, LIBRARIES, QUESTIONS)
    else:
        show_results(found, as_json=as_json)


@app.command(epilog=f"Example:\n\n  cekalwatch-notifier install --config {NotifierSettings.usual_files()[0]}")
def install(
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The settings with which the agent starts.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Stop starting it.")] = False,
) -> None:
    """Start the desktop agent whenever you sign in on this PC."""
    require_extra("desktop", ("PySide6",))
    if config:
        NotifierSettings.load(config)
    start = autostart(agent_command(config))
    if remove:
        start.remove()
    else:
        start.install()
    for place in start.places:
        typer.echo(f"{'Deleted' if remove else 'Written'}: {place}")


def _keys(settings: Path) -> Path:
    return keys_folder(settings, "notifier", DEFAULT_TLS_DIR)


add_enrol(app, "cekalwatch-notifier", DeviceRole.NOTIFIER, lambda: _keys(NotifierSettings.new_file(None)))


@app.command(
    epilog=f"Examples:\n\n  cekalwatch-notifier init --invitation {ON_A_STICK}counter-d1.invitation\n\n"
    "Run it as the account under which the agent runs: each account of a shared PC is a PC of its own. On Windows, an "
    "administrator sets the PC up for whoever sits there."
)
def init(
    *,
    invitation: InvitationFile = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"File that the settings go to; {NotifierSettings.usual_files()[0]}."),
    ] = None,
    tls_dir: TlsDirOption = None,
) -> None:
    """Set this PC up: get its certificate, write its settings, and say what comes next.

    Server, site, name and counters are in the invitation, which is asked for unless it is in --invitation or
    CEKALWATCH_INVITATION.
    """
    from cekalwatch.program.cli.enrolment import read_invitation, set_up

    found = read_invitation(invitation, DeviceRole.NOTIFIER)
    file = NotifierSettings.new_file(config)
    identity, tls_dir = found.identity, tls_dir or _keys(file)
    facts = {"agent_id": identity.name, "site": identity.site, "counters": list(found.counters)}
    set_up(NotifierSettings, found, tls_dir, file, facts)
    named = naming(NotifierSettings, file)
    tell_set_up(identity, file, tls_dir)
    typer.echo(f"Next: cekalwatch-notifier check{named}, then: cekalwatch-notifier install{named}")


for name, command in (
    ("sign-in", session_command.sign_in),
    ("sign-out", session_command.sign_out),
    ("whoami", session_command.whoami),
    ("password", session_command.password),
):
    app.command(
        name,
        epilog=f"Example:\n\n  cekalwatch-notifier {name} --language en\n\nExit codes: 0 done; 69 the server cannot be "
        "reached; 77 the server does not let you.",
    )(command)
