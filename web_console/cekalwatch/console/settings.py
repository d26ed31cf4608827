"""The console's settings: a TOML file, environment variables `CEKALWATCH_CONSOLE_…`, command line options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.settings import known_zone
from cekalwatch.program.translations import Language
from cekalwatch.program.web_settings import WebSettings, names_in
from cekalwatch.wire.address import address_form, split_address

DEFAULT_LISTEN = "127.0.0.1:8443"
DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-console", appauthor=False)) / "tls"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

OLD_NAMES: Final[Mapping[str, str]] = {
    "idle_lock_s": "idle_lock_seconds",
    "silence_timeout_s": "silence_timeout_seconds",
}
"""What settings were called in 0.2.0, as `cekalwatch.program.setting_names` says."""


class ConsoleSettings(WebSettings):
    """Every setting of `cekalwatch-console`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_CONSOLE_")
    old_names = OLD_NAMES

    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder with certificate.pem, key.pem and authority.pem. While it does not exist, plaintext is spoken, and only to
    a server on this machine."""
    listen: Annotated[str, AfterValidator(address_form)] = DEFAULT_LISTEN
    """HOST:PORT at which browsers find the pages; 0.0.0.0 for all addresses of this machine."""
    hosts: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(max_length=16)] = ()
    """Names and addresses under which browsers call the console, without TCP port; calls with other names are refused.
    When not set: those in the pages' certificate, and this machine's own."""
    language: Language = Language.ID
    """Language of the pages for browsers that ask for neither language: id or en. A person's choice comes first."""
    time_zone: Annotated[str, AfterValidator(known_zone)] = "Asia/Jakarta"
    """Time zone of the site, as the server's `sites` name it; all times on the pages are in it."""
    idle_lock_seconds: Annotated[float, Field(ge=30, le=3600)] = 900.0
    """Seconds without a click or a key after which the person is signed out; the server's own limit applies as well."""
    silence_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds without a message of the server after which its news count as lost, and are asked for again, at most: a
    server that says how often it sends counts as lost after three such periods."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def address(self) -> str:
        """Where a browser opens the pages: the first name in their certificate, with the port. Raises ProgramError."""
        return self.addresses[0]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address at which browsers of other machines open the pages, or of this machine if no others may. Raises
        ProgramError."""
        scheme, port = ("https", 443) if self.web_tls else ("http", 80)
        listen = split_address(self.listen)[1]
        shown = "" if listen == port else f":{listen}"
        names = [one for one in self.allowed_hosts if one not in LOOPBACK_HOSTS] or self.allowed_hosts
        return tuple(f"{scheme}://{one}{shown}" for one in names)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The names by which browsers may call."""
        if self.hosts:
            return self.hosts
        tls = self.web_tls
        return tuple(dict.fromkeys((*(names_in(tls[0]) if tls else ()), *LOOPBACK_HOSTS)))
