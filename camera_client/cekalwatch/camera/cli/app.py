"""The command line of `cekalwatch-camera`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.camera.cli.options import CameraId, Config, Detector, Server, Source, TlsDir
from cekalwatch.camera.cli.presets import presets, turn
from cekalwatch.camera.cli.survey import preview, survey
from cekalwatch.camera.settings import DEFAULT_TLS_DIR, CameraSettings
from cekalwatch.camera.sources.opencv import Transport
from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.checks.this_pc import ThisPc, report_this_pc
from cekalwatch.program.cli.shared_commands import (
    InvitationFile,
    add_enrol,
    add_settings,
    add_version,
    naming,
    tell_set_up,
)
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.platform.installation import Installation
from cekalwatch.program.platform.places import ON_A_STICK
from cekalwatch.program.settings import AS_ADMINISTRATOR, SYSTEM_FOLDER, keys_folder
from cekalwatch.wire.identity import DeviceRole

if TYPE_CHECKING:
    from cekalwatch.wire.invitation import DeviceInvitation


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a source may hold a password
)

add_version(
    app,
    "cekalwatch-camera",
    "Finds faces at a camera and sends the best crops of each passage to the recognition server.",
)


@app.command(
    epilog=f"Examples:\n\n  cekalwatch-camera init --invitation {ON_A_STICK}departure-1.invitation\n\n"
    "  cekalwatch-camera init --invitation departure-1.invitation --source rtsp://10.0.0.7/1\n\n"
    "  cekalwatch-camera init --invitation departure-1.invitation --source rtsp://10.0.0.7/1 --user watcher\n\n"
    "A second camera of the same machine is added in the same way."
)
def init(
    invitation: InvitationFile = None,
    source: Source = None,
    user: Annotated[str, typer.Option(help="User of a network camera, whose password is asked for.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with that password, if not asked; -: standard input.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"File that the settings go to; {CameraSettings.usual_files()[0]}."),
    ] = None,
    tls_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Folder of the cameras' certificates; the setting `tls_dir`. Default: {DEFAULT_TLS_DIR}, or for a "
            "service of Windows beside its settings.",
        ),
    ] = None,
) -> None:
    """Set a camera up: get its certificate, write its settings, and say what comes next.

    Server, site and key are in the invitation, which is asked for unless it is in --invitation or
    CEKALWATCH_INVITATION. The password goes into a file of its own beside the certificate. Run it as the account
    under which the service runs; on Windows as administrator.
    """
    from cekalwatch.camera.sources.opening import refusal
    from cekalwatch.program.cli.command import packaged
    from cekalwatch.program.cli.enrolment import accept, read_invitation
    from cekalwatch.program.cli.prompts import ask, secret_of
    from cekalwatch.program.platform.secrets import protected
    from cekalwatch.program.secret_files import write_private
    from cekalwatch.program.settings import make_settings_folder

    found = read_invitation(invitation, DeviceRole.CAMERA)
    file = _new_settings(config)
    for_service = sys.platform == "win32" and file.parent == SYSTEM_FOLDER
    tls_dir = tls_dir or _keys(file)
    before = _present(file, found, tls_dir, SYSTEM_FOLDER / "camera" if for_service else None)
    address = source or ask("Address of the camera (rtsp://…, or the number of a USB camera)").strip()
    if not address:
        raise ProgramError("A camera needs an address: give it with --source", Exit.USAGE)
    if why := refusal(address):
        raise ProgramError(why, Exit.USAGE)
    password = secret_of(password_file, "CEKALWATCH_SOURCE_PASSWORD", "Password of the camera") if user else ""
    own = tls_dir / found.identity.name
    accept(found, own)
    login: dict[str, object] = {}
    if user:
        login = {"source_user": user, "source_password_file": (own / "source.password").absolute()}
        write_private(own / "source.password", protected(password.encode(), own / "source.password"))
    make_settings_folder(file.parent)
    write_private(file, (before + _camera(found, {"source": address} | login)).encode())
    CameraSettings.load(file).each()
    named = naming(CameraSettings, file)
    service = packaged("cekalwatch-camera") and not named
    run = "sudo systemctl start cekalwatch-camera" if service else "the service (docs/camera.md)"
    run = "sc start cekalwatch-camera" if for_service else run
    program = "sudo -u cekalwatch-camera cekalwatch-camera" if service else "cekalwatch-camera"
    tell_set_up(found.identity, file, tls_dir)
    typer.echo(f"Next: {program} check{named}, then {run}")


def _present(file: Path, found: DeviceInvitation, tls_dir: Path, own: Path | None) -> str:
    """Return the settings to which a camera is added: those in the file, or new ones. Raises ProgramError.

    `own` is the folder in which a service of Windows writes; None: it is not for one.
    """
    from cekalwatch.program.cli.settings_command import literal

    if not file.exists():
        facts: dict[str, object] = {"server_addresses": [found.server], "tls_dir": tls_dir.absolute()}
        if own:
            facts |= {"spool_dir": own / "spool", "spool_key": own / "spool.key", "ptz_dir": own / "ptz"}
        return "".join(f"{name} = {literal(value)}\n" for name, value in facts.items())
    settings = CameraSettings.load(file)
    if found.server not in settings.server_addresses or settings.tls_dir != tls_dir.absolute():
        raise ProgramError(
            f"{file} is for {settings.works_on} with certificates in {settings.tls_dir}, the "
            f"invitation for {found.server} with {tls_dir.absolute()}: name another --config or --tls-dir",
            Exit.USAGE,
        )
    if settings.camera_id or found.identity.name in {one.camera_id for one in settings.cameras}:
        raise ProgramError(f"{file} has camera_id, or {found.identity.name} already; it stays as it is", Exit.USAGE)
    return file.read_text(encoding="utf-8").rstrip() + "\n"


def _camera(found: DeviceInvitation, facts: dict[str, object]) -> str:
    from cekalwatch.program.cli.settings_command import literal

    lines = (f"{name} = {literal(value)}\n" for name, value in ({"camera_id": found.identity.name} | facts).items())
    return f"\n[[cameras]]\n{''.join(lines)}"


@app.command()
def check(
    config: Config = None,
    source: Source = None,
    camera_id: CameraId = None,
    server: Server = None,
    detector: Detector = None,
    as_json: AsJson = False,
    this_pc: ThisPc = False,
) -> None:
    """Look whether this machine can watch its cameras, and say what is missing.

    Settings, disk, source, detector, certificate, server and clock: one line each,
    with OK, WARN or FAIL. Exit code 0 when nothing fails, 1 otherwise. It may be run
    while the service runs; a USB camera is then in use, and fails.

    \b
    Examples:
      cekalwatch-camera check
      cekalwatch-camera check --source rtsp://10.0.0.7/1 --camera-id gate-1 --json
    """
    loaded = CameraSettings.load_with_sources(
        config, source=source, camera_id=camera_id, server_addresses=server, detector=detector
    )
    loaded.told()
    from cekalwatch.camera.checks import LIBRARIES, QUESTIONS, check_installation
    from cekalwatch.camera.clock import SystemClock

    results = check_installation(loaded, SystemClock())
    if this_pc:
        report_this_pc("cekalwatch-camera", results, LIBRARIES, QUESTIONS)
    else:
        show_results(results, as_json=as_json, names_cameras=bool(loaded.values.cameras))


for command in (survey, preview, presets, turn):
    app.command()(command)


@app.command()
def run(
    source: Source = None,
    camera_id: CameraId = None,
    realtime: Annotated[
        bool | None,
        typer.Option("--realtime/--no-realtime", help="Read a file at its own pace, like a camera."),
    ] = None,
    rtsp_transport: Annotated[
        Transport | None, typer.Option(help="How a network camera sends its pictures. Default: tcp.")
    ] = None,
    server: Server = None,
    tls_dir: TlsDir = None,
    detector: Detector = None,
    detect_every: Annotated[int | None, typer.Option(help="Detect faces in one of this many frames.")] = None,
    threads: Annotated[int | None, typer.Option(help="Native threads to use.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config: Config = None,
) -> None:
    """Watch cameras, or read files to their end.

    A camera (device number or rtsp address) is watched until it is stopped (Ctrl-C),
    and opened again when it fails. A file ends with exit code 0 when every crop
    has its receipt; 69: the source cannot be opened; 78: a setting, the model
    pack or the camera's name is wrong. Several cameras are tables of the
    configuration file:

    \b
      server_addresses = ["cekal.batam.local:50051"]
      [\\[cameras]]
      camera_id = "departure-1"
      source = "rtsp://10.0.0.7/1"
      [\\[cameras]]
      camera_id = "departure-2"
      source = "0"

    One that is away, refused or without a certificate is tried again, and does
    not end the others.

    \b
    Examples:
      cekalwatch-camera run --source rtsp://10.0.0.7/1 --camera-id gate-1
      cekalwatch-camera run --source 0 --camera-id gate-2
      cekalwatch-camera run --source walk.mp4 --realtime --camera-id gate-1
      cekalwatch-camera run        # as the settings file says
    """
    loaded = CameraSettings.load_with_sources(
        config,
        source=source,
        camera_id=camera_id,
        realtime=realtime,
        rtsp_transport=rtsp_transport,
        server_addresses=server,
        tls_dir=tls_dir,
        detector=detector,
        detect_every=detect_every,
        threads=threads,
        log_level=log_level,
    )
    configure_logs(loaded.values.log_level)
    loaded.log()
    from cekalwatch.camera import app as client

    client.run(loaded.values)


add_settings(app, "cekalwatch-camera", CameraSettings)


def _new_settings(named: Path | None) -> Path:
    """Return the file that `init` writes. Raises ProgramError where a service of Windows would not read it."""
    file = CameraSettings.new_file(named)
    if not named and file.parent != SYSTEM_FOLDER and Installation("camera").is_there:
        raise ProgramError(
            f"The service of this PC reads {SYSTEM_FOLDER}, where administrators write: {AS_ADMINISTRATOR}", Exit.USAGE
        )
    return file


def _keys(settings: Path) -> Path:
    return keys_folder(settings, "camera", DEFAULT_TLS_DIR)


add_enrol(app, "cekalwatch-camera", DeviceRole.CAMERA, lambda: _keys(_new_settings(None)))
