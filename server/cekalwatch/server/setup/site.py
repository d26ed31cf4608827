"""Makes a site: settings, database, keys, authority, the server's certificate, first administrator, invitations.

The hand-over sheets of it are a page (HTML) for each port, with its invitations, and who holds which key.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import jinja2

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.program.translations import Texts
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.auth.people_admin import PeopleAdmin
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.domain.checkpoints import Site
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.pki.device_admin import ServerEndpoints, endpoints_at
from cekalwatch.server.pki.journal import PkiJournal
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.answers import Answers
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.wiring.audit import open_signer
from cekalwatch.server.wiring.data_folder import make_database
from cekalwatch.server.wiring.storage import Context
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation

SERVER_NAME = "main"
INVITED_FOR = timedelta(hours=24)


@dataclass(frozen=True, repr=False)
class Founded:
    """A new site, with the secrets that are handed over; no `repr`, so that no log shows them."""

    settings: ServerSettings
    reached: ServerEndpoints
    first_password: str
    """The administrator's, to be changed at the first sign-in."""
    invitations: tuple[DeviceInvitation, ...]
    """Of all cameras, officers' PCs and consoles."""
    invited_until: datetime


def found_site(answers: Answers, config: Path, now: datetime) -> Founded:
    """Write the settings to `config`, and make all that they name but the model pack.

    Raises ProgramError when there is a site already, or something cannot be made; the folder is empty then as before.
    """
    _refuse_second(answers, config)
    make_private_folder(answers.data_dir)
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProgramError(f"{config.parent} cannot be made: {error.strerror}", Exit.CONFIG) from None
    draft = config.with_name(f".{config.name}.new")
    write_private(draft, answers.settings_toml().encode())
    try:
        settings = ServerSettings.load(draft)
        make_database(settings)
        pki = SitePki.create(settings.pki_path, settings.home.site, now, settings.authority_token)
        server = Identity(DeviceRole.SERVER, settings.home.site, SERVER_NAME)
        with PkiJournal(settings.database_address) as journal:
            journal.issued(server, pki.issue(server, answers.hosts, settings.tls_path, now), now)
        first_password = _make_keys_and_administrator(settings, answers)
        reached = endpoints_at(settings.tls_path, settings.listen, settings.enrolment_listen)
        invitations = tuple(_invite(settings, pki, reached, answers, now))
        draft.replace(config)
    except BaseException:
        _empty(answers.data_dir)
        raise
    finally:
        draft.unlink(missing_ok=True)
    return Founded(settings, reached, first_password, invitations, now + INVITED_FOR)


def _refuse_second(answers: Answers, config: Path) -> None:
    if config.exists():
        raise ProgramError(
            f"There are settings in {config} already, which stay as they are; look with: cekalwatch-server check "
            f"--config {config}",
            Exit.USAGE,
        )
    if answers.data_dir.exists() and any(answers.data_dir.iterdir()):
        raise ProgramError(
            f"There is something in {answers.data_dir} already, which stays as it is: name another folder, or move it "
            "away if it is from a try",
            Exit.USAGE,
        )
    if not answers.database_url:
        return
    with closing(Database(answers.database_url)) as database:
        try:
            there = database.is_there
        except StorageError as error:
            raise ProgramError(f"The database {database.name} cannot be reached: {error}", Exit.UNAVAILABLE) from None
        if there:
            raise ProgramError(f"The database {database.name} has a site already, which stays as it is", Exit.USAGE)


def _empty(folder: Path) -> None:
    """Remove the new content of a folder that was empty."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _make_keys_and_administrator(settings: ServerSettings, answers: Answers) -> str:
    with closing(Database(settings.database_address)) as database, ExitStack() as stack:
        context = Context.open(settings, database, SystemClock(), operator(), stack)
        open_signer(settings, context.stores.audit)
        admin = PeopleAdmin(context.stores.people, Passwords(), context.clock, context.actor)
        sites = frozenset(one.site for one in settings.sites)
        first = admin.add(
            answers.administrator, answers.administrator_name, frozenset({PersonRole.ADMINISTRATOR}), sites
        )
    if first is None:
        raise ProgramError("The administrator has no first password")
    return first


def _invite(
    settings: ServerSettings, pki: SitePki, reached: ServerEndpoints, answers: Answers, now: datetime
) -> Iterator[DeviceInvitation]:
    none: tuple[str, ...] = ()
    devices = [
        *((Identity(DeviceRole.CAMERA, one.site, one.camera_id), none, none) for one in answers.cameras),
        *((Identity(DeviceRole.NOTIFIER, one.site, one.name), one.counters, none) for one in answers.seats),
        *((Identity(DeviceRole.CONSOLE, one.site, one.name), none, one.hosts) for one in answers.consoles),
    ]
    zones = {one.site: one.time_zone for one in settings.sites}
    with PkiJournal(settings.database_address) as journal:
        for identity, counters, hosts in devices:
            code = pki.invite(identity, now, INVITED_FOR, hosts)
            journal.invited(identity, code, int(INVITED_FOR / timedelta(minutes=1)), now)
            yield DeviceInvitation(identity, *reached, code, counters, hosts, zones[identity.site])


def check_folder_of_sheets(folder: Path) -> None:
    """Raise ProgramError where `write_sheets` could not write there. Nothing is made: it may lie in the data folder."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if there == folder.absolute():
        make_private_folder(folder)  # refuses one that others can read
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ProgramError(
            f"{folder} cannot be written ({error.strerror}): name another folder with --sheets", Exit.CONFIG
        ) from None


def write_sheets(founded: Founded, office: str, folder: Path, texts: Texts, now: datetime) -> list[Path]:
    """Write a sheet for each port, and a file for each invitation, which only this account can read. ProgramError."""
    make_private_folder(folder)
    written = []
    for site in founded.settings.sites:
        sheet = folder / f"{site.site}.html"
        write_private(sheet, _page(founded, site, office, texts, now).encode())
        written.append(sheet)
    for one in founded.invitations:
        name = f"{one.identity.site}-{one.identity.role}-{one.identity.name}.invitation"
        write_private(folder / name, f"{one.text}\n".encode())
    return written


def _page(founded: Founded, site: Site, office: str, texts: Texts, now: datetime) -> str:
    settings = founded.settings
    here = {one.identity: one for one in founded.invitations if one.identity.site == site.site}
    by_key = {identity.name: one for identity, one in here.items() if identity.role is DeviceRole.CAMERA}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "sheet.html").read_text(encoding="utf-8"))
    return template.render(
        texts=texts,
        office=office,
        site=site.site,
        made_at=now.astimezone(site.zone),
        until=founded.invited_until.astimezone(site.zone),
        reached=founded.reached,
        cameras=[(one, by_key[one.camera_id]) for one in settings.cameras if one.site == site.site],
        notifiers=[one for identity, one in here.items() if identity.role is DeviceRole.NOTIFIER],
        consoles=[one for identity, one in here.items() if identity.role is DeviceRole.CONSOLE],
        keys=[
            (texts.say("KEY_MASTER"), settings.master_key_from or settings.data_dir / "master.key"),
            (texts.say("KEY_AUTHORITY"), settings.authority_key_from or settings.pki_path / "authority.key"),
            (texts.say("KEY_AUDIT"), settings.audit_key_from or settings.audit_key_file),
        ],
    )
