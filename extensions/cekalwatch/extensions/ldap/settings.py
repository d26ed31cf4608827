"""The settings of the directory: `[directory]`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings
from cekalwatch.wire.tls import TlsError, require_private

DEFAULT_OUTAGE_HOURS = 72.0
AttributeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]


def _ldap(url: str) -> str:
    parts = urlsplit(url)
    try:
        whole = parts.scheme in {"ldap", "ldaps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("must be ldaps://HOST[:PORT], or ldap://HOST[:PORT], where StartTLS is used")
    return url


@dataclass(frozen=True)
class DirectoryTerms:
    """How the server asks the directory for the members of bound groups (docs/people.md)."""

    servers: Annotated[tuple[Annotated[str, AfterValidator(_ldap)], ...], Field(min_length=1, max_length=8)]
    """Addresses of the directory's servers: ldaps://HOST, or ldap://HOST, where StartTLS comes before anything else.
    They are asked in order until one answers."""
    account: Annotated[str, Field(min_length=1, max_length=500)]
    """Distinguished name (or, of Active Directory, NAME@DOMAIN) of the account with which this server reads."""
    password_file: Path
    """File with that account's password, which nobody else may read. It is read each time, so that it can change."""
    people_base: Annotated[str, Field(min_length=1, max_length=500)]
    """Distinguished name below which people are looked for."""
    authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    name_attribute: AttributeName = "sAMAccountName"
    """The attribute that is a person's sign-in name here; `uid` in many directories. People must not be able to change
    it themselves."""
    display_attribute: AttributeName = "displayName"
    """The attribute with the name for screens."""
    nested: bool = False
    """Whether members of groups within a group count: a rule of Active Directory, which others do not know."""
    outage_hours: Annotated[float, Field(ge=0.01, le=720)] = DEFAULT_OUTAGE_HOURS
    """Hours for which roles stay as they are while the directory does not answer; then those that groups decide do not
    count until it answers again."""

    @property
    def outage(self) -> timedelta:
        """The longest outage in which roles stay."""
        return timedelta(hours=self.outage_hours)

    def password(self) -> str:
        """Read the password; raises ProgramError when the file cannot be used, or is empty."""
        try:
            require_private(self.password_file)
            text = self.password_file.read_text("utf-8").strip("\r\n")
        except (TlsError, OSError, UnicodeDecodeError) as error:
            raise ProgramError(f"Wrong settings: directory.password_file: {error}", Exit.CONFIG) from None
        if not text:  # a bind without a password succeeds, as nobody (RFC 4513, 5.1.2)
            raise ProgramError("Wrong settings: directory.password_file is empty", Exit.CONFIG)
        return text


class Section(Settings):
    """The setting that this extension adds."""

    directory: DirectoryTerms | None = None
    """The office's directory (LDAP, Active Directory), whose groups decide roles that two people bound to them."""
