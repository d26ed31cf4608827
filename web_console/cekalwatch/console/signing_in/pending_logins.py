"""Pending logins: browsers at the identity provider, until they return. In memory only.

A pending login can be used once, for at most ten minutes, and only in its browser, which has a cookie of 256 random
bits. Only the SHA-256 of the cookie is kept here, and of the `state` by which the login is found.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cekalwatch.console.signing_in.pending_approvals import JointStep, KeptForm
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.office.client.provider_visit import SECRET_BYTES, ProviderVisit

LASTS_S: Final = 600.0
MAX_ERRANDS: Final = 500
"""Most pending logins; the oldest one is dropped for a new one."""


class Lost(StrEnum):
    """The reason why a browser that comes back has no pending login."""

    UNKNOWN = "UNKNOWN"
    """It came back before, or too late, or never left."""
    ELSEWHERE = "ELSEWHERE"
    """Another browser left."""


class LostLoginError(Exception):
    """A browser comes back without a valid pending login."""

    def __init__(self, why: Lost) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class PendingLogin(ProviderVisit):
    """Why a browser went to the provider."""

    session: WebSession | None
    """The session of the browser when it left: the first person's, or one that a new sign-in ends."""
    after: str = "/"
    """The page to return to."""
    kept: KeptForm | None = None
    """A form to continue with after signing in."""
    step: JointStep | None = None
    """The act that a second person approves; None for a sign-in."""


@dataclass(frozen=True)
class _Kept:
    errand: PendingLogin
    browser: str
    left_at_s: float


class PendingLogins:
    """The errands of all browsers. It may be used from several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def begin(self, errand: PendingLogin, secret: str) -> tuple[str, str]:
        """Send a browser off; return the `state` and the value of its cookie.

        `secret` is the cookie that it has: with an errand on its way it stays, so that two tabs can go at once.
        """
        state = secrets.token_urlsafe(SECRET_BYTES)
        with self._lock:
            self._forget_old()
            if not any(one.browser == _digest(secret) for one in self._kept.values()):
                secret = secrets.token_urlsafe(SECRET_BYTES)
            while len(self._kept) >= MAX_ERRANDS:
                del self._kept[next(iter(self._kept))]
            self._kept[_digest(state)] = _Kept(errand, _digest(secret), self._monotonic())
        return state, secret

    def take(self, state: str, secret: str) -> PendingLogin:
        """Return the pending login of a browser that comes back, once. Raises LostLoginError."""
        with self._lock:
            self._forget_old()
            found = self._kept.pop(_digest(state), None)
        if found is None:
            raise LostLoginError(Lost.UNKNOWN)
        if found.browser != _digest(secret):
            raise LostLoginError(Lost.ELSEWHERE)
        return found.errand

    def _forget_old(self) -> None:
        oldest_s = self._monotonic() - LASTS_S
        self._kept = {key: one for key, one in self._kept.items() if one.left_at_s > oldest_s}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
