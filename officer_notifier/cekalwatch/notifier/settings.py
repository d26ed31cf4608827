"""The notifier's settings: a TOML file, environment variables `CEKALWATCH_NOTIFIER_…`, command line options."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.orders import Direction
from cekalwatch.program.connection import ClientSettings, certificate_name, open_dialer
from cekalwatch.program.settings import known_zone
from cekalwatch.program.traces import TraceTerms
from cekalwatch.program.translations import Language
from cekalwatch.wire.dialer import Dialer

DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-notifier", appauthor=False)) / "tls"

OLD_NAMES: Final[Mapping[str, str]] = {
    "picture_lifetime_s": "picture_lifetime_seconds",
    "silence_timeout_s": "silence_timeout_seconds",
    "idle_lock_s": "idle_lock_seconds",
}
"""What settings were called in 0.2.0, as `cekalwatch.program.setting_names` says."""


def host_key() -> str:
    """Return this PC's name in the form of an agent's name."""
    key = re.sub(r"[^a-z0-9-]+", "-", platform.node().lower()).strip("-")[:64]
    return key or "notifier"


class ThemeName(StrEnum):
    """The theme of the windows; SYSTEM is light or dark like the desktop."""

    SYSTEM = "SYSTEM"
    LIGHT = "LIGHT"
    DARK = "DARK"
    CONTRAST = "CONTRAST"


class NotifierSettings(ClientSettings):
    """Every setting of `cekalwatch-notifier`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_NOTIFIER_")
    old_names = OLD_NAMES

    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder with certificate.pem, key.pem and authority.pem. While it does not exist, plaintext is spoken, and only to
    a server on this machine."""
    agent_id: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,64})?$")] = ""
    """Name of this agent, under which the server records what it has shown. When empty, the name in this PC's
    certificate, which the server requires; without a certificate, the name of this PC."""
    language: Language = Language.ID
    """Language of windows and texts: id or en."""
    time_zone: Annotated[str, AfterValidator(known_zone)] = "Asia/Jakarta"
    """Time zone of the site, as the server's `sites` name it; all times on screen are in it, with its short name (WIB),
    whatever the clock of this PC is set to."""
    site: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,64})?$")] = ""
    """Show only alerts of this site; empty: of all."""
    counters: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=64)] = ()
    """Show only alerts of these counters; of all when empty."""
    direction: Direction | None = None
    """Show only alerts of this direction; when not set, of both."""
    state_dir: Path = Path(platformdirs.user_state_dir("cekalwatch-notifier", appauthor=False))
    """Folder of the record of shown events and of the session of the signed-in person."""
    images_dir: Path | None = None
    """Folder into which the console writes the pictures of unsettled alerts, whose paths it shows; when not set, it
    writes none. The windows keep pictures in memory only."""
    picture_lifetime_seconds: Annotated[float, Field(ge=1, le=3600)] = 600.0
    """Seconds after which an alert's pictures leave this PC: the console's files are deleted, and the windows forget
    those of alerts that are not on screen. They are loaded again when they are needed."""
    silence_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds without a message after which the connection counts as lost, at most: a server that says how often it
    sends counts as lost after three such periods."""
    cekal_online_url: Annotated[str, Field(pattern=r"^(https?://\S{1,500})?$")] = ""
    """Address that the button of a referred alert opens; nothing of the alert is added to it. No button when empty."""
    console_url: Annotated[str, Field(pattern=r"^(https://[^\s/]{1,255}/?)?$")] = ""
    """Address of the web console, as https://HOST:PORT, where the menu of the icon opens the hand-over of a shift and
    the guides; when empty, the menu has neither."""
    idle_lock_seconds: Annotated[float, Field(ge=30, le=3600)] = 300.0
    """Seconds without keyboard or mouse after which the person is signed out and travellers' data is covered."""
    alert_screen: str = ""
    """Name of the screen on which alerts appear, as the operating system calls it; empty: the primary one. It must not
    be a screen that travellers can see."""
    theme: ThemeName = ThemeName.SYSTEM
    """The theme of the windows: SYSTEM (light or dark like the desktop), LIGHT, DARK or CONTRAST."""
    text_scale: Annotated[float, Field(ge=0.75, le=2)] = 1.0
    """Size of all text; 1 is readable from a metre. High-density screens are taken into account in any case."""
    sound: bool = True
    """Whether a new alert makes a sound; it is shown in any case."""
    training_dir: Path | None = None
    """Folder with photographs to practise with, one folder a person, of people who agreed to it in writing and never of
    a list; when not set, the menu of the icon has no practice."""
    traces: TraceTerms = TraceTerms()
    """Traces of captures (docs/monitoring.md)."""

    @model_validator(mode="after")
    def _name_the_agent(self) -> Self:
        """Let windows, console and commands have one name, which is that of the certificate."""
        if not self.agent_id:
            # The settings are immutable to everybody else.
            object.__setattr__(self, "agent_id", certificate_name(self.tls_dir) or host_key())
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def dialer(self) -> Dialer:
        """Return what opens channels to the servers; raises ProgramError when the certificate cannot be used."""
        return open_dialer(self.servers(self.agent_id), self.tls_dir)

    @property
    def wanted(self) -> AlertFilter:
        return AlertFilter(self.site, frozenset(self.counters), self.direction)

    @property
    def inbox_path(self) -> Path:
        """The file with the record of shown events; one an agent."""
        return self.state_dir / f"inbox-{self.agent_id}.sqlite3"

    @property
    def session_path(self) -> Path:
        """The file with the token of the person who is signed in on this PC."""
        return self.state_dir / f"session-{self.agent_id}"

    @property
    def seen_versions_path(self) -> Path:
        """The file with the versions of alerts that people have seen on the terminal."""
        return self.state_dir / f"seen-{self.agent_id}"

    @property
    def picture_lifetime(self) -> timedelta:
        """How long an alert's pictures stay on this PC."""
        return timedelta(seconds=self.picture_lifetime_seconds)

    @property
    def images_path(self) -> Path | None:
        """The folder of this agent's pictures, for the console; None: it writes none."""
        return self.images_dir / self.agent_id if self.images_dir else None
