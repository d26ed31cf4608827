"""The notifier's settings: a TOML file, environment variables `CEKALWATCH_NOTIFIER_…`, command line options."""

from __future__ import annotations

import os
import platform
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.notifier.locale.translations import Language
from cekalwatch.notifier.model.alert import AlertFilter
from cekalwatch.program.connection import ClientSettings
from cekalwatch.wire.vocabulary.orders import Direction

DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-notifier", appauthor=False)) / "tls"

_KEY = r"^[a-z0-9-]{1,64}$"


def host_key() -> str:
    """Return this PC's name in the form of a key."""
    key = re.sub(r"[^a-z0-9-]+", "-", platform.node().lower()).strip("-")[:64]
    return key or "notifier"


class ThemeName(StrEnum):
    """How the windows look; SYSTEM is light or dark as the desktop is."""

    SYSTEM = "SYSTEM"
    LIGHT = "LIGHT"
    DARK = "DARK"
    CONTRAST = "CONTRAST"


class NotifierSettings(ClientSettings):
    """Every setting of `cekalwatch-notifier`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_NOTIFIER_")

    tls_dir: Path = DEFAULT_TLS_DIR
    agent_id: Annotated[str, Field(pattern=_KEY)] = Field(default_factory=host_key)
    """Key of this agent; the server keeps its position under it. The PC's name when not set."""
    language: Language = Language.ID
    site: Annotated[str, Field(pattern=r"^([a-z0-9-]{1,64})?$")] = ""
    """Only alerts of this site; empty means all."""
    counters: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=64)] = ()
    """Only alerts of these counters; none means all."""
    direction: Direction | None = None
    """Only alerts of this direction; both when not set."""
    state_dir: Path = Path(platformdirs.user_state_dir("cekalwatch-notifier", appauthor=False))
    """Where the record of shown events is."""
    images_dir: Path | None = None
    """Where alert pictures are; when not set, the user's runtime folder (in memory), or `state_dir`/images."""
    silence_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """No message for this long counts as a lost connection: three keep-alive periods of the server."""
    cekal_online_url: Annotated[str, Field(pattern=r"^(https?://\S{1,500})?$")] = ""
    """Address that the button beside a referred alert opens; nothing of the alert is added to it."""
    idle_lock_s: Annotated[float, Field(ge=30, le=3600)] = 300.0
    """After so many seconds without keyboard or mouse the person is signed out, and travellers' data is covered."""
    alert_screen: str = ""
    """Name of the screen on which alerts come up, as the operating system calls it; the primary one when not set.
    A screen that travellers can see must not be it."""
    theme: ThemeName = ThemeName.SYSTEM
    text_scale: Annotated[float, Field(ge=0.75, le=2)] = 1.0
    """Size of all text; 1 is readable from a metre. High-density screens are taken into account besides."""
    sound: bool = True
    """Whether a new alert is heard; it is shown in any case."""
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @property
    def wanted(self) -> AlertFilter:
        """Which alerts this agent wants."""
        return AlertFilter(self.site, self.counters, self.direction)

    @property
    def inbox_path(self) -> Path:
        """The file with the record of shown events; one an agent."""
        return self.state_dir / f"inbox-{self.agent_id}.sqlite3"

    @property
    def session_path(self) -> Path:
        """The file with the token of who is signed in on this PC."""
        return self.state_dir / f"session-{self.agent_id}"

    @property
    def images_path(self) -> Path:
        """The folder of this agent's pictures."""
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        default = Path(runtime) / "cekalwatch-notifier" if runtime else self.state_dir / "images"
        return (self.images_dir or default) / self.agent_id
