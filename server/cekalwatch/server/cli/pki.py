"""`cekalwatch-server pki`: the site's authority and the certificates of its devices, on the server's own machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import with_settings
from cekalwatch.wire.identity import DeviceRole

if TYPE_CHECKING:
    from cekalwatch.server.pki.device_admin import DevicePlaces
    from cekalwatch.server.pki.journal import PkiJournal
    from cekalwatch.server.pki.site_pki import SitePki
    from cekalwatch.server.settings.settings import ServerSettings

app = typer.Typer(
    help="Certificates: the site's authority and its devices. Run it as the server's user, on the server's machine.",
    no_args_is_help=True,
)

EXAMPLES = "Examples:\n\n"
Role = Annotated[DeviceRole, typer.Option(help="The role of the device.", show_choices=True)]
Name = Annotated[str, typer.Option(metavar="NAME", help="Name of the device: of a camera, its `camera_id`.")]
Site = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Name of the site. A camera's is in the settings; needed where there are several."
    ),
]
Days = Annotated[int, typer.Option(min=1, max=825, help="How long the certificate is valid.")]


@app.command(epilog=EXAMPLES + "  cekalwatch-server pki init --config /etc/cekalwatch/server.toml")
@with_settings
def init(settings: ServerSettings, site: Site = None) -> None:
    """Make the site's authority in `pki_dir`. Its key never leaves that folder: keep a copy of it under lock.

    With `authority_key_from` the key is in that token, which makes it if it has none. The database, which is made as
    well, records every use.
    """
    from cekalwatch.program.secret_files import make_private_folder
    from cekalwatch.server.pki.site_pki import SitePki
    from cekalwatch.server.wiring.data_folder import make_database

    name = _places(settings).new(DeviceRole.SERVER, site, "authority").site
    if not settings.data_dir.exists():
        make_private_folder(settings.data_dir)
    SitePki.create(settings.pki_path, name, datetime.now(UTC), settings.authority_token)
    make_database(settings)
    typer.echo(f"The authority of {name} is in {settings.pki_path}")


@app.command(
    epilog=EXAMPLES
    + "  cekalwatch-server pki issue --role server --name main --host cekal.batam.local --host 10.1.2.3\n\n"
    "  cekalwatch-server pki issue --role camera --name departure-1 --out ./departure-1"
)
@with_settings
def issue(
    settings: ServerSettings,
    role: Role,
    name: Name,
    site: Site = None,
    host: Annotated[
        list[str] | None,
        typer.Option(help="With a server or a console: name or address under which it is reached; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for key and certificates; a server's is `tls_dir` when not given.")
    ] = None,
    days: Days = 398,
) -> None:
    """Make a key and a certificate here. For a device elsewhere `pki invite` is better: its key stays where it is."""
    if out is None and role is not DeviceRole.SERVER:
        raise ProgramError("--out is missing: the folder that gets key and certificates", Exit.USAGE)
    identity = _places(settings).new(role, site, name)
    folder = out or settings.tls_path
    pki, now = _pki(settings), datetime.now(UTC)
    with _journal(settings) as journal:
        certificate = pki.issue(identity, host or [], folder, now, days)
        journal.issued(identity, certificate, now)
    typer.echo(f"{identity.uri} is in {folder}, good until {certificate.not_valid_after_utc:%Y-%m-%d}")


@app.command(
    epilog=EXAMPLES + "  cekalwatch-server pki renew --role server --name main\n\n"
    "  cekalwatch-server pki renew --role camera --name departure-1 --out departure-1.pem"
)
@with_settings
def renew(
    settings: ServerSettings,
    role: Role,
    name: Name,
    site: Site = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File for the new certificate; a server's is certificate.pem in `tls_dir` when not given."),
    ] = None,
    days: Days = 398,
) -> None:
    """Sign a new certificate for the device's present key. Nothing in it is secret: carry the file to the device.

    Running programs use it once it replaces their certificate.pem; no restart is needed.
    """
    from cekalwatch.program.secret_files import write_private
    from cekalwatch.wire.tls import TlsFiles

    if out is None and role is not DeviceRole.SERVER:
        raise ProgramError("--out is missing: the file that gets the certificate", Exit.USAGE)
    pki, now = _pki(settings), datetime.now(UTC)
    identity = _places(settings).known(pki, role, site, name, now)
    with _journal(settings) as journal:
        certificate = pki.renew(identity, now, days)
        journal.renewed(identity, certificate, now)
    file = out or TlsFiles(settings.tls_path).certificate
    write_private(file, pki.chain(certificate))
    typer.echo(f"{identity.uri} is good until {certificate.not_valid_after_utc:%Y-%m-%d}: {file}")


@app.command(epilog=EXAMPLES + "  cekalwatch-server pki revoke --role camera --name departure-1")
@with_settings
def revoke(settings: ServerSettings, role: Role, name: Name, site: Site = None) -> None:
    """Revoke all certificates and invitations of a device. Its open streams end within 10 seconds."""
    pki, now = _pki(settings), datetime.now(UTC)
    identity = _places(settings).known(pki, role, site, name, now)
    invited = any(one.identity == identity for one in pki.open_invitations(now))
    count = pki.revoke(identity, now)
    if count:
        typer.echo(f"{identity.uri}: {count} revoked")
    elif invited:
        typer.echo(f"{identity.uri} was only invited, and has no certificate: its code is good no more")
    # The trail is opened last: a database that is away must not keep a stolen device in.
    with _journal(settings) as journal:
        journal.revoked(identity, count, now)
    if not count and not invited:
        raise ProgramError(f"{identity.uri} has no certificate in force; see: pki list", Exit.USAGE)


@app.command(
    epilog=EXAMPLES + "  cekalwatch-server pki invite --role camera --name departure-1 --out departure-1.invitation\n\n"
    "  cekalwatch-server pki invite --role notifier --name counter-d1 --site sekupang --counter D1 --out d1.invitation"
    "\n\n  cekalwatch-server pki invite --role console --name console --host konsol.local --out konsol.invitation"
    "\n\n  cekalwatch-server pki invite --role port --name main --site sekupang --out sekupang.invitation"
)
@with_settings
def invite(
    settings: ServerSettings,
    role: Role,
    name: Name,
    site: Site = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the code is valid.")] = 60,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all that the device's `init` needs into this file, a secret."),
    ] = None,
    counter: Annotated[
        list[str] | None, typer.Option(help="With --out: a counter whose alerts an officer's PC shows; repeatable.")
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(help="With a console: name or address by which browsers call it, no server's; repeatable."),
    ] = None,
) -> None:
    """Print a code with which one device enrols itself, once. The server must run with `enrolment_listen`.

    With --out it goes into a file, with the server's address and who the device is: carry that to the device.
    """
    from cekalwatch.program.secret_files import write_private
    from cekalwatch.server.pki.device_admin import endpoints_at
    from cekalwatch.wire.invitation import DeviceInvitation

    identity = _places(settings).new(role, site, name)
    hosts = tuple(host or ())
    wanted = out or settings.enrolment_listen
    reached = endpoints_at(settings.tls_path, settings.listen, settings.enrolment_listen) if wanted else None
    pki, now = _pki(settings), datetime.now(UTC)
    with _journal(settings) as journal:
        code = pki.invite(identity, now, timedelta(minutes=minutes), hosts)
        journal.invited(identity, code, minutes, now)
    if out and reached:
        zone = next(one.time_zone for one in settings.sites if one.site == identity.site)
        invitation = DeviceInvitation(identity, *reached, code, tuple(counter or ()), hosts, zone)
        write_private(out, f"{invitation.text}\n".encode())
        typer.echo(
            f"{out}: for {identity.uri}, good for {minutes} minutes. On the device: {_next_step(role, out.name)}"
        )
        return
    typer.echo(f"Code of {identity.uri}, good for {minutes} minutes and one device:", err=True)
    typer.echo(code.text)
    typer.echo(f"On the device: {_next_step(role, server=reached.enrol if reached else 'HOST:PORT')}", err=True)


@app.command(epilog=EXAMPLES + "  cekalwatch-server pki accept --invitation sekupang.invitation")
@with_settings
def accept(
    settings: ServerSettings,
    invitation: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What `pki invite --role port --out` wrote at the centre; -: standard input."
        ),
    ] = None,
    tls_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where key and certificates go; `centre` in `data_dir` if not given."),
    ] = None,
) -> None:
    """Enrol this server at a centre, as the server of a port. Its key is made here and stays here.

    The invitation is asked for, unless it is in --invitation or CEKALWATCH_INVITATION.
    """
    from cekalwatch.program.cli.enrolment import accept as accept_invitation
    from cekalwatch.program.cli.enrolment import read_invitation
    from cekalwatch.server.watchlist.sources.settings import CENTRE_TLS_DIR

    found = read_invitation(invitation, DeviceRole.PORT)
    if found.identity.site not in (sites := [one.site for one in settings.sites]):
        raise ProgramError(
            f"The invitation is for the port {found.identity.site}, and this server's settings have "
            f"{', '.join(sites)}: take that port's invitation, or write the site into [[sites]]",
            Exit.USAGE,
        )
    folder = tls_dir or settings.data_dir / CENTRE_TLS_DIR
    accept_invitation(found, folder)
    typer.echo(f"This is {found.identity.uri} for the centre at {found.server}; its certificate is in {folder}")


@app.command("list", epilog=EXAMPLES + "  cekalwatch-server pki list")
@with_settings
def list_(settings: ServerSettings) -> None:
    """List certificates with their state, and open invitations."""
    now = datetime.now(UTC)
    pki = _pki(settings)
    for one in pki.issued():
        state = "revoked" if one.revoked_at else "in force" if one.good(now) else "run out"
        until = one.certificate.not_valid_after_utc
        typer.echo(f"{state:8}  until {until:%Y-%m-%d}  {one.identity.uri}  serial {one.certificate.serial_number:x}")
    for invitation in pki.open_invitations(now):
        typer.echo(f"invited   until {invitation.expires_at.astimezone():%H:%M}       {invitation.identity.uri}")


def _pki(settings: ServerSettings) -> SitePki:
    from cekalwatch.server.pki.site_pki import SitePki

    return SitePki.load(settings.pki_path, settings.authority_token)


def _journal(settings: ServerSettings) -> PkiJournal:
    from cekalwatch.server.pki.journal import PkiJournal

    return PkiJournal(settings.database_address)


def _places(settings: ServerSettings) -> DevicePlaces:
    from cekalwatch.server.pki.device_admin import DevicePlaces

    return DevicePlaces(settings.sites, settings.cameras)


def _next_step(role: DeviceRole, file: str = "", server: str = "") -> str:
    """Return what is typed at the device with an invitation's `file`, or with a code alone at `server`."""
    if role is DeviceRole.DIAGNOSTICS:
        return f"no program of ours takes it; cekalwatch-server pki issue --role {role} makes its files"
    if not file and role in {DeviceRole.CAMERA, DeviceRole.NOTIFIER}:
        return f"cekalwatch-{role} enrol --server {server}"
    program = "cekalwatch-server pki accept" if role is DeviceRole.PORT else f"cekalwatch-{role} init"
    return f"{program} --invitation {file or 'FILE, the file that pki invite writes with --out'}"
