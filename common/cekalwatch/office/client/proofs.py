"""What proves who a person is, before it is sent to the server."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Password:
    """A name and a password, as they were typed."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """A code that an identity provider gave after it had asked the person anew who they are."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    redirect_uri: str


Proof = Password | Code
