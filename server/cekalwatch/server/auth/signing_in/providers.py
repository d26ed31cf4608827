"""Assembles the sign-in of people, for the server and for commands at the server's own terminal."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.server.auth.approvals import ApprovalRequests
from cekalwatch.server.auth.refusals import RefusalTrail
from cekalwatch.server.auth.sessions import Sessions
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, SessionTerms
from cekalwatch.server.auth.signing_in.openid import OpenIdProvider
from cekalwatch.server.auth.signing_in.passwords import PasswordChange, PasswordProvider, Passwords
from cekalwatch.server.auth.signing_in.sign_in import DeviceTries, SignInService
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.approval_store import ApprovalStore
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.storage.people.store import PeopleStore


class ProviderAuthentication:
    """The sign-in of people, their sessions, and the change of passwords."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        terms: SessionTerms | None = None,
        openid: OpenIdTerms | None = None,
        revoked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Without `openid` people sign in only with passwords; `revoked` is passed to `Sessions`."""
        people, self.passwords = PeopleStore(database), Passwords()
        self.refusals = RefusalTrail(AuditStore(database), clock)
        provider = PasswordProvider(people, self.passwords, clock)
        provided = OpenIdProvider(openid, people, clock) if openid else None
        kept = SessionStore(database)
        self.sessions = Sessions(kept, self.refusals, clock, terms or SessionTerms(), revoked)
        self.approvals = ApprovalRequests(ApprovalStore(database), kept, people, clock)
        tries = DeviceTries(people, clock)
        self.sign_in = SignInService(provider, provided, self.sessions, self.refusals, clock, tries)
        self.password_change = PasswordChange(people, self.passwords, provider, self.sign_in, clock)
