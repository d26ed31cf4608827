"""What is answered to set a site up: from a TOML file, or asked one after another; and the settings that follow."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Self

import typer
from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.cli.settings_command import literal
from cekalwatch.program.settings import SECTION, Settings
from cekalwatch.server.domain.checkpoints import CameraPlace, Key, Site
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.address import address_form

SERVICE_DATA = Path("/var/lib/cekalwatch")
"""Made by the Debian package, for its account."""
DEFAULT_ZONE = "Asia/Jakarta"
DEFAULT_LISTEN = "0.0.0.0:50051"  # only with a certificate, which `init` makes
DEFAULT_ENROLMENT = "0.0.0.0:50052"


@dataclass(frozen=True, config=SECTION)
class PlannedCamera(CameraPlace):
    """A camera that will connect."""


@dataclass(frozen=True, config=SECTION)
class PlannedNotifier:
    """An officer's PC."""

    name: Key
    """Its key."""
    site: Key
    """The port of the PC."""
    counters: tuple[str, ...] = ()
    """The counters whose alerts it shows; none: of all."""


@dataclass(frozen=True, config=SECTION)
class PlannedConsole:
    """A web console."""

    site: Key
    """The port whose alerts and cameras it shows."""
    hosts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """Names and addresses by which browsers call it; no server's."""
    name: Key = "console"
    """Its key."""


def _usual_data_dir() -> Path:
    if SERVICE_DATA.is_dir() and os.access(SERVICE_DATA, os.W_OK):
        return SERVICE_DATA
    own: Path = ServerSettings.model_fields["data_dir"].default
    return own


class Answers(Settings):
    """All that `init` needs to know."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_ANSWERS_")

    office: Annotated[str, Field(min_length=1, max_length=200)]
    """Name of the office, for the hand-over sheets."""
    hosts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """Names and addresses under which devices reach the server; the first is written into invitations."""
    sites: Annotated[tuple[Site, ...], Field(min_length=1)]
    """The ports."""
    cameras: tuple[PlannedCamera, ...] = ()
    """Their cameras."""
    notifiers: tuple[PlannedNotifier, ...] = ()
    """The officers' PCs; when none is stated, one for each counter that has a camera."""
    consoles: tuple[PlannedConsole, ...] = ()
    """The web consoles, each for one port."""
    administrator: Annotated[str, Field(pattern=r"^\S+$")]
    """Sign-in name of the first administrator."""
    administrator_name: Annotated[str, Field(min_length=1)]
    """The same person's name for screens."""
    data_dir: Path = Field(default_factory=_usual_data_dir)
    """Folder of the data; when not set, that of the package's service where this is its account, or else the
    account's own."""
    database_url: str = ""
    """Address of a PostgreSQL database; empty: an SQLite file in `data_dir`."""
    models_dir: Path | None = None
    """Folder of model packs that are there; when not set, `data_dir`/models."""
    model_pack: str = "standard"
    """The model pack, which is installed when it is not there."""
    listen: Annotated[str, AfterValidator(address_form)] = DEFAULT_LISTEN
    """HOST:PORT of the server."""
    enrolment_listen: Annotated[str, AfterValidator(address_form)] = DEFAULT_ENROLMENT
    """HOST:PORT at which devices enrol."""

    @model_validator(mode="after")
    def _at_the_sites(self) -> Self:
        known = {one.site for one in self.sites}
        places = [one.site for one in self.cameras]
        places += [one.site for one in self.notifiers]
        places += [one.site for one in self.consoles]
        for site in places:
            if site not in known:
                raise ValueError(f"a camera, PC or console is at {site!r}, which `sites` does not list")
        for console in self.consoles:
            if both := sorted({*console.hosts} & {*self.hosts}):
                raise ValueError(f"{', '.join(both)} is the server's name: give the console at {console.site} its own")
        return self

    @property
    def seats(self) -> tuple[PlannedNotifier, ...]:
        """The officers' PCs, including default ones."""
        if self.notifiers:
            return self.notifiers
        places = dict.fromkeys((one.site, one.counter) for one in self.cameras)
        several = len(self.sites) > 1
        return tuple(
            PlannedNotifier(_key(f"{site}-{counter}" if several else f"counter-{counter}"), site, (counter,))
            for site, counter in places
        )

    def settings_toml(self) -> str:
        """Return the server's settings file."""
        facts = {
            "listen": self.listen,
            "enrolment_listen": self.enrolment_listen,
            "data_dir": self.data_dir.absolute(),
            "database_url": self.database_url,
            "models_dir": self.models_dir.absolute() if self.models_dir else "",
            "model_pack": self.model_pack,
        }
        lines = [f"# {self.office}. All settings: cekalwatch-server settings --format toml"]
        lines += [f"{name} = {literal(value)}" for name, value in facts.items() if value]
        for site in self.sites:
            lines += ["", "[[sites]]", f"site = {literal(site.site)}", f"time_zone = {literal(site.time_zone)}"]
        for camera in self.cameras:
            lines += ["", "[[cameras]]", f"camera_id = {literal(camera.camera_id)}", f"site = {literal(camera.site)}"]
            lines += [f"counter = {literal(camera.counter)}", f"direction = {literal(camera.direction)}"]
        return "\n".join(lines) + "\n"


def ask_answers() -> Answers:
    """Ask for all on the terminal, one after another. Raises ProgramError when an answer cannot be."""

    def ask(question: str, default: str | None = None) -> str:
        return str(typer.prompt(question, default=default, err=True)).strip()

    office = ask("Name of the office")
    hosts = ask("Names or addresses under which devices reach this server, with commas")
    sites = [one.strip() for one in ask("Keys of the ports, with commas", "batam-center").split(",")]
    zones = {site: ask(f"Time zone of {site}", DEFAULT_ZONE) for site in sites}
    cameras = []
    for site in sites:
        for key in _listed(ask(f"Keys of the cameras at {site}, with commas", f"{site}-departure-1")):
            counter = ask(f"Counter below {key}", "1")
            direction = ask(f"Direction that {key} sees, DEPARTURE or ARRIVAL", "DEPARTURE").upper()
            cameras.append({"camera_id": key, "site": site, "counter": counter, "direction": direction})
    asked = "Names or addresses by which browsers call the web console of {}, with commas; none: no console"
    consoles = [{"site": site, "hosts": names} for site in sites if (names := _listed(ask(asked.format(site), "")))]
    return Answers.load(
        office=office,
        hosts=_listed(hosts),
        sites=[{"site": site, "time_zone": zone} for site, zone in zones.items()],
        cameras=cameras,
        consoles=consoles,
        administrator=ask("Sign-in name of the first administrator"),
        administrator_name=ask("That person's name"),
        data_dir=ask("Folder of the data", str(_usual_data_dir())),
    )


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64]
