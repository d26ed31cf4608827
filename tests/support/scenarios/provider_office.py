"""A port's office whose people can sign in through an identity provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cekalwatch.console.pages.signing_in.provider import AFTERWARDS
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.program.secret_files import write_private
from tests.support.fakes.identity_server import CLIENT_ID, CLIENT_SECRET, IdentityServer
from tests.support.scenarios.port_office import PortOffice, port_office


def provider_office(folder: Path, provider: IdentityServer, people: Mapping[str, Sequence[PersonRole]]) -> PortOffice:
    """Set one up in `folder`, not opened yet, with `people` by name."""
    secret = folder / "openid.secret"
    write_private(secret, CLIENT_SECRET.encode())
    terms = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret_file": secret}
    return port_office(folder, people, openid=terms)


def register(provider: IdentityServer, origin: str) -> None:
    """Tell the provider where a console is, as its technician does."""
    provider.redirects |= {f"{origin}{path}" for path in (BACK, AFTERWARDS)}
