"""Settings of a source that is a centre. See docs/ports.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from cekalwatch.program.settings import SECTION
from cekalwatch.wire.address import address_form

MAX_ADDRESSES = 16
CENTRE_TLS_DIR = "centre"
"""Below the data folder: the certificate with which this server shows itself to a centre."""


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(addresses)) < len(addresses):
        raise ValueError("an address is there twice")
    return addresses


@dataclass(frozen=True, kw_only=True, config=SECTION)
class CentreSettings:
    """The server of a centre, whose list this server follows."""

    kind: Literal["centre"]
    """Says that the source is a centre."""
    addresses: Annotated[
        tuple[Annotated[str, AfterValidator(address_form)], ...],
        AfterValidator(_each_once),
        Field(min_length=1, max_length=MAX_ADDRESSES),
    ]
    """HOST:PORT of the centre's server, or of each of several that share its database."""
    tls_dir: Path | None = None
    """Folder with the certificate that `pki accept` got from the centre. When not set, `centre` in `data_dir`; while
    that does not exist, plaintext is spoken, and only to a centre on this machine."""
    whole_every_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after which the whole list is read again: what changes gave wrongly, the next ones do not repeat."""

    @property
    def name(self) -> str:
        """What the source is called."""
        return f"centre {self.addresses[0]}"
