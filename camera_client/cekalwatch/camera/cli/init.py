"""`cekalwatch-camera init`: makes this machine a capture host of a camera, from one invitation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.camera.cli.options import Source
from cekalwatch.camera.settings import DEFAULT_TLS_DIR, CameraSettings
from cekalwatch.program.cli.shared_commands import InvitationFile, naming, tell_set_up
from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.wire.invitation import DeviceInvitation

EPILOG = (
    "Examples:\n\n  cekalwatch-camera init --invitation /media/usb/departure-1.invitation\n\n"
    "  cekalwatch-camera init --invitation departure-1.invitation --source rtsp://10.0.0.7/1\n\n"
    "A second camera of the same machine is added in the same way."
)


def init(
    invitation: InvitationFile = None,
    source: Source = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that the settings go to; /etc/cekalwatch/camera.toml.")
    ] = None,
    tls_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the cameras' certificates; the setting `tls_dir`.")
    ] = DEFAULT_TLS_DIR,
) -> None:
    """Set a camera up: get its certificate, write its settings, and say what comes next.

    Server, site and key are in the invitation, which is asked for unless it is in --invitation or
    CEKALWATCH_INVITATION. Run it as the account under which the service runs.
    """
    from cekalwatch.program.cli.command import packaged
    from cekalwatch.program.cli.enrolment import accept, read_invitation
    from cekalwatch.program.cli.prompts import ask
    from cekalwatch.program.secret_files import write_private
    from cekalwatch.wire.identity import DeviceRole

    found = read_invitation(invitation, DeviceRole.CAMERA)
    file = CameraSettings.new_file(config)
    before = _present(file, found, tls_dir)
    address = source or ask("Address of the camera (rtsp://…, or the number of a USB camera)").strip()
    if not address:
        raise ProgramError("A camera needs an address: give it with --source", Exit.USAGE)
    accept(found, tls_dir / found.identity.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, (before + _camera(found, address)).encode())
    CameraSettings.load(file).each()
    named = naming(CameraSettings, file)
    service = packaged("cekalwatch-camera") and not named
    run = "sudo systemctl start cekalwatch-camera" if service else "the service (docs/camera.md)"
    program = "sudo -u cekalwatch-camera cekalwatch-camera" if service else "cekalwatch-camera"
    tell_set_up(found.identity, file, tls_dir)
    typer.echo(f"Next: {program} check{named}, then {run}")


def _present(file: Path, found: DeviceInvitation, tls_dir: Path) -> str:
    """Return the settings to which a camera is added: those in the file, or new ones. Raises ProgramError."""
    from cekalwatch.program.cli.settings_command import literal

    if not file.exists():
        return f"server_addresses = [{literal(found.server)}]\ntls_dir = {literal(tls_dir.absolute())}\n"
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


def _camera(found: DeviceInvitation, source: str) -> str:
    from cekalwatch.program.cli.settings_command import literal

    return f"\n[[cameras]]\ncamera_id = {literal(found.identity.name)}\nsource = {literal(source)}\n"
