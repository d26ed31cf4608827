"""The console's settings: a TOML file, environment variables `CEKALWATCH_CONSOLE_…`, command line options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import platformdirs
from cryptography import x509
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.console.monitoring.measures import UNMEASURED, MeasuredCalls, Measures
from cekalwatch.program.connection import ClientSettings, certificate_name, open_dialer
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import known_zone, on_this_machine
from cekalwatch.program.translations import Language
from cekalwatch.wire.address import address_form, is_loopback, split_address
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tls import TlsFiles

DEFAULT_LISTEN = "127.0.0.1:8443"
DEFAULT_TLS_DIR = Path(platformdirs.user_data_dir("cekalwatch-console", appauthor=False)) / "tls"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

OLD_NAMES: Final[Mapping[str, str]] = {
    "idle_lock_s": "idle_lock_seconds",
    "silence_timeout_s": "silence_timeout_seconds",
}
"""What settings were called in 0.2.0, as `cekalwatch.program.setting_names` says."""


class ConsoleSettings(ClientSettings):
    """Every setting of `cekalwatch-console`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_CONSOLE_")
    old_names = OLD_NAMES

    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder with certificate.pem, key.pem and authority.pem. While it does not exist, plaintext is spoken, and only to
    a server on this machine."""
    listen: Annotated[str, AfterValidator(address_form)] = DEFAULT_LISTEN
    """HOST:PORT at which browsers find the pages; 0.0.0.0 for all addresses of this machine."""
    web_certificate: Path | None = None
    """Certificate of the pages with its chain, PEM; when not set, that in `tls_dir`, which needs `pki invite --host`.
    Without any, the pages are only served to this machine."""
    web_key: Path | None = None
    """Private key of `web_certificate`, PEM."""
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

    metrics_listen: Annotated[str, AfterValidator(on_this_machine)] = ""
    """HOST:PORT on this machine where Prometheus reads metrics, for example 127.0.0.1:9466; when empty, none are
    served."""

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def name(self) -> str:
        """Name of this console: that in its certificate."""
        return certificate_name(self.tls_dir) or "console"

    def dialer(self, measures: Measures = UNMEASURED) -> Dialer:
        """Return what opens channels to the servers; raises ProgramError when the certificate cannot be used."""
        watches = () if measures is UNMEASURED else (MeasuredCalls(measures),)
        return open_dialer(self.servers(self.name), self.tls_dir, watches)

    @property
    def web_tls(self) -> tuple[Path, Path] | None:
        """Certificate and key of the pages; None means plaintext, which stays on this machine. Raises ProgramError."""
        if (self.web_certificate is None) is not (self.web_key is None):
            raise ProgramError("web_certificate and web_key go together: set both, or neither", Exit.CONFIG)
        if self.web_certificate and self.web_key:
            return self.web_certificate, self.web_key
        files = TlsFiles(self.tls_dir)
        if names_in(files.certificate):
            return files.certificate, files.key
        if is_loopback(self.listen):
            return None
        raise ProgramError(
            f"{self.listen} is for other machines too, and there is no certificate for the pages: set web_certificate "
            "and web_key, or invite this console anew with --host (docs/console.md)",
            Exit.CONFIG,
        )

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


def names_in(certificate: Path) -> tuple[str, ...]:
    """Return the host names and addresses in a certificate; empty when it cannot be read."""
    try:
        read = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, IndexError, x509.ExtensionNotFound):
        return ()  # the program that serves with it reports the error
    addresses = (str(one) for one in names.get_values_for_type(x509.IPAddress))
    return (
        *names.get_values_for_type(x509.DNSName),
        *(f"[{one}]" if ":" in one else one for one in addresses),
    )
