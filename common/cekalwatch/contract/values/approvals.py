"""Requests for a second person's signature, which is given at another device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from annotated_types import MaxLen

from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing

MAX_APPROVAL_BYTES: Final = 65_536
MAX_METHOD: Final = 120
APPROVAL_ID = 64
"""Characters of a request's key."""


class ApprovalState(StrEnum):
    """Where a request stands."""

    WAITING = "WAITING"
    SIGNED = "SIGNED"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Approval:
    """A person asks for the signature of a second one."""

    approval_id: Annotated[str, MaxLen(64)]
    method: Annotated[str, MaxLen(MAX_METHOD)]
    """The method that will be called, as /PACKAGE.SERVICE/METHOD."""
    request: bytes = field(repr=False)
    """Of that call, serialised."""
    first: PersonReference
    device: Annotated[str, MaxLen(200)]
    """Where they asked, as SITE/ROLE/NAME."""
    asked_at: datetime
    expires_at: datetime
    state: ApprovalState | None
    """None: one that only a newer server knows."""
    second: PersonReference | None = None
    """Who has answered."""
    silences: Silencing = NOTHING_SILENCED
    """What it would silence, as the server sees it when it tells of the request."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the request: what a person who has read it signs."""
        return hashlib.sha256(self.request).digest()


@dataclass(frozen=True)
class OpenApprovals:
    """The requests that concern a person."""

    waiting: tuple[Approval, ...]
    """Those that they may sign at their device."""
    asked: tuple[Approval, ...]
    """Those of their own session, newest first."""


@dataclass(frozen=True)
class SignedValue:
    """A value of a request, by its name in the contract; those inside others have a point in it."""

    name: str
    words: tuple[str | bool, ...]
    """Several for a list; an enum's by its name in the contract."""
