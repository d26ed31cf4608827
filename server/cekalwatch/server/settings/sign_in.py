"""How people sign in, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from cekalwatch.program.settings import Settings
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, SessionTerms


class SignInSection(Settings):
    """Sessions and the identity provider."""

    session_lifetime_hours: Annotated[float, Field(gt=0, le=24)] = 12.0
    """Hours for which a person stays signed in, however busy."""
    session_idle_minutes: Annotated[float, Field(gt=0, le=480)] = 15.0
    """Minutes for which a person stays signed in without doing anything."""
    openid: OpenIdTerms | None = None
    """The identity provider through which people may sign in, besides passwords."""

    @property
    def session_terms(self) -> SessionTerms:
        """How long people stay signed in."""
        return SessionTerms(timedelta(hours=self.session_lifetime_hours), timedelta(minutes=self.session_idle_minutes))
