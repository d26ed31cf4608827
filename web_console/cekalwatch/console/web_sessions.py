"""The sessions of browsers. They are in memory only: after a restart people sign in again.

A browser has a cookie of 256 random bits, of which only the SHA-256 is kept here. The server's token never leaves the
console, so a stolen cookie is useless after its person has signed out, and at other places.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cekalwatch.console.open_alerts import OpenAlerts
from cekalwatch.console.signing_in.pending_approvals import MAX_KEPT, PendingApproval
from cekalwatch.console.status_summary import StatusSummary
from cekalwatch.contract.values.people import PersonSession, ProviderFacts

SECRET_BYTES = 32
MAX_SESSIONS = 500
"""Most signed-in browsers; the one that was idle for the longest time is dropped for a new one."""


@dataclass(eq=False)
class WebSession:
    """One browser's session. It holds the token with which calls are made for its person."""

    person: PersonSession
    name: str
    """The entered sign-in name; empty when the identity provider identified the person."""
    provider: ProviderFacts | None = None
    """The provider of the sign-in; None means a password."""
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES), repr=False)
    """The token in each form for the browser; a form without it is refused."""
    used_at_s: float = 0.0
    told_at_s: float = field(default_factory=time.monotonic)
    """When the server last confirmed the person and their rights."""
    list_search: dict[str, str] = field(default_factory=dict, repr=False)
    """The person's last search of the list, by the names of the form's fields."""
    open_alerts: OpenAlerts = field(default_factory=OpenAlerts, repr=False)
    """What *Now* shows to its person."""
    glance: StatusSummary = field(default_factory=StatusSummary, repr=False)
    """The summary of the system that *Now* shows to administrators."""
    unfinished: dict[str, PendingApproval] = field(default_factory=dict, repr=False)
    """Forms to continue with, by keys that cannot be guessed."""
    _token: str = field(default="", repr=False)

    def token(self) -> str:
        """Return the token; empty once the session has ended."""
        return self._token

    def keep(self, token: str) -> None:
        self._token = token

    def forget(self) -> None:
        """Drop all, with searches, views and entered values of their people."""
        self._token = ""
        self.list_search = {}
        self.open_alerts.forget()
        self.glance.forget()
        self.unfinished = {}

    def put_aside(self, one: PendingApproval) -> str:
        """Store a form to continue later, and return its key; only the newest ones are stored."""
        key = secrets.token_urlsafe(SECRET_BYTES)
        self.unfinished = dict([*self.unfinished.items(), (key, one)][-MAX_KEPT:])
        return key

    def take_up(self, key: str) -> PendingApproval | None:
        """Return a form that was put aside, once."""
        return self.unfinished.pop(key, None)


class WebSessions:
    """The sessions of all browsers. It may be used from several threads."""

    def __init__(self, idle_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """A session that nobody uses for `idle_s` seconds, or as long as the server allows, has ended."""
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._sessions: dict[str, WebSession] = {}
        self._lock = threading.Lock()

    def begin(self, session: WebSession, token: str) -> tuple[str, list[WebSession]]:
        """Begin a session; return the cookie's value, and the sessions that had to make room."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        session.used_at_s = self._monotonic()
        session.keep(token)
        with self._lock:
            removed = []
            while len(self._sessions) >= MAX_SESSIONS:
                oldest = min(self._sessions, key=lambda key: self._sessions[key].used_at_s)
                removed.append(self._sessions.pop(oldest))
            self._sessions[_digest(secret)] = session
        return secret, removed

    def find(self, secret: str, *, used: bool) -> WebSession | None:
        """Return the session of a cookie; None when it has ended. `used` means that a person did something."""
        with self._lock:
            session = self._sessions.get(_digest(secret))
            if session is None or self._is_over(session):
                return None
            if used:
                session.used_at_s = self._monotonic()
            return session

    @property
    def count(self) -> int:
        with self._lock:
            return sum(not self._is_over(one) for one in self._sessions.values())

    def holds(self, session: WebSession) -> bool:
        with self._lock:
            return any(one is session for one in self._sessions.values()) and not self._is_over(session)

    def end(self, session: WebSession) -> None:
        """End a session: its cookie becomes useless."""
        with self._lock:
            self._sessions = {key: one for key, one in self._sessions.items() if one is not session}

    def take_idle(self) -> list[WebSession]:
        """Remove unused sessions, and return them, because the server must end them too."""
        with self._lock:
            over = [one for one in self._sessions.values() if self._is_over(one)]
            self._sessions = {key: one for key, one in self._sessions.items() if one not in over}
            return over

    def _is_over(self, session: WebSession) -> bool:
        servers = session.person.idle_timeout
        limit_s = min(self._idle_s, servers.total_seconds()) if servers else self._idle_s
        return self._monotonic() - session.used_at_s > limit_s


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
