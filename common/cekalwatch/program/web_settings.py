"""The settings of a program that connects to the server, and serves callers at an address of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cryptography import x509
from pydantic import AfterValidator

from cekalwatch.program.connection import ClientSettings, certificate_name, open_dialer
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.measures import UNMEASURED, MeasuredCalls, Measures
from cekalwatch.program.settings import on_this_machine
from cekalwatch.wire.address import address_form, is_loopback
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tls import TlsFiles


class WebSettings(ClientSettings):
    """Base of those settings."""

    listen: Annotated[str, AfterValidator(address_form)]
    """HOST:PORT at which it is called; 0.0.0.0 for all addresses of this machine."""
    web_certificate: Path | None = None
    """Certificate that callers see, with its chain, PEM; when not set, that in `tls_dir`, if `pki invite --host` gave
    it names. Without any, callers on this machine alone are served, in plaintext."""
    web_key: Path | None = None
    """Private key of `web_certificate`, PEM."""
    metrics_listen: Annotated[str, AfterValidator(on_this_machine)] = ""
    """HOST:PORT on this machine where Prometheus reads metrics, for example 127.0.0.1:9466; when empty, none are
    served."""

    @property
    def name(self) -> str:
        """Name of this device: that in its certificate, or its program's."""
        return certificate_name(self.tls_dir) or str(self.model_config["env_prefix"]).split("_")[1].lower()

    def dialer(self, measures: Measures = UNMEASURED) -> Dialer:
        """Return what opens channels to the servers; raises ProgramError when the certificate cannot be used."""
        watches = () if measures is UNMEASURED else (MeasuredCalls(measures),)
        return open_dialer(self.servers(self.name), self.tls_dir, watches)

    @property
    def web_tls(self) -> tuple[Path, Path] | None:
        """Certificate and key that callers see; None means plaintext, on this machine. Raises ProgramError."""
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
            f"{self.listen} is for other machines too, and there is no certificate for callers: set web_certificate "
            "and web_key, or invite this device anew with --host (docs/certificates.md)",
            Exit.CONFIG,
        )


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
