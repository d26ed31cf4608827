"""The hand-over sheets of a new site: a page (HTML) for each port, with its invitations, and who holds which key."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import jinja2

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import make_private_folder, write_private
from cekalwatch.program.translations import Texts
from cekalwatch.server.domain.checkpoints import Site
from cekalwatch.server.setup.site import Founded
from cekalwatch.wire.identity import DeviceRole


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
