"""What all pages of the console share: its connections to the server, its sessions, its texts and its templates."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import grpc
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response

from cekalwatch.console.import_jobs import ImportJobs
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.news import News
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.console.signing_in.pending_logins import PendingLogins
from cekalwatch.console.table_cells import with_heads
from cekalwatch.console.web_sessions import WebSession, WebSessions
from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.import_client import ImportClient
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.urgency import Urgency
from cekalwatch.program.extensions import extensions
from cekalwatch.program.measures import UNMEASURED, Measures
from cekalwatch.program.translations import Language
from cekalwatch.wire.address import counted_address
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer

KNOWN_S: Final = 30.0
ASKING_S: Final = 2.0
"""How long a page waits for the server: if it is away, people can still enter a password."""


class ProviderOffer:
    """What the server last said of its identity provider, so that the pages offer it; that is asked for nothing.

    It may be used from several threads.
    """

    def __init__(self, dialer: Dialer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions = SessionClient(dialer, NoToken())
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._provider: ProviderFacts | None = None
        self._asked_s: float | None = None

    def now(self) -> ProviderFacts | None:
        """Return the provider without its endpoints; None when there is none, or the server has not answered yet."""
        with self._lock:
            now_s = self._monotonic()
            if self._asked_s is None or now_s - self._asked_s > KNOWN_S:
                with suppress(grpc.RpcError):  # the last answer stays until the server is back
                    self._provider = self._sessions.provider(with_endpoints=False, deadline_s=ASKING_S)
                self._asked_s = self._monotonic()
            return self._provider

    def with_endpoints(self) -> ProviderFacts | None:
        """Return the provider as a browser has to know it; raises grpc.RpcError, as when it cannot be reached."""
        return self._sessions.provider(with_endpoints=True)


LANGUAGE_COOKIE: Final = "language"
LANGUAGE_TAGS: Final = {**{str(one): one for one in Language}, "in": Language.ID}
"""The languages of the pages by their codes; browsers of old call Indonesian `in`."""
MAX_HEADER: Final = 200
"""Characters of Accept-Language that are read."""
_RANGE = re.compile(
    r"(?:^|,)\s*(?P<tag>[a-z]{1,8})(?:-[a-z0-9]{1,8})*\s*(?:;\s*q=(?P<weight>[01](?:\.[0-9]{0,3})?))?\s*(?=,|$)",
    re.ASCII | re.IGNORECASE,
)
WALL_S: Final = 12 * 3600.0
"""A wall ends after the longest shift at the latest; the server ends it by its own clock."""
SIGN_INS: Final = RateLimitItemPerMinute(20)
"""Of one address: several people may sit behind it."""


def asked_language(header: str) -> Language | None:
    """Return which language of the pages a browser asks for first (RFC 9110, section 12.5.4); None: neither.

    `header` is its Accept-Language; a part that is not well-formed counts for nothing.
    """
    weights: dict[Language, float] = {}
    for found in _RANGE.finditer(header[:MAX_HEADER]):
        language = LANGUAGE_TAGS.get(found["tag"].lower())
        if language:
            weights[language] = max(float(found["weight"] or 1), weights.get(language, 0))
    best = max(weights, key=weights.__getitem__, default=None)
    return best if best and weights[best] else None


def inline(jpeg: bytes) -> str:
    """Return a picture as a page has it in itself."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def template_folders() -> list[Path]:
    """Return the folders of the templates: the console's own, and those of extensions with pages."""
    return [Path(str(one)).with_name("templates") for one in (__file__, *(one.__file__ for one in extensions("page")))]


class Console:
    """What all pages share."""

    def __init__(self, settings: ConsoleSettings, measures: Measures = UNMEASURED) -> None:
        """Raises ProgramError when a certificate cannot be used."""
        self.settings = settings
        self.tls = settings.web_tls is not None
        self.dialer = settings.dialer(measures)
        self.calls = Calls(self.dialer)
        self.news = News(settings, settings.dialer(measures))
        self.web_sessions = WebSessions(settings.idle_lock_seconds)
        self.walls = WebSessions(WALL_S)
        """The sessions of walls, which outlast those of their people and do nothing but show (ADR 94)."""
        self.errands = PendingLogins()
        self.offer = ProviderOffer(self.dialer.another())
        self.imports = ImportJobs(lambda session: ImportClient(self.dialer, session))
        self.templates = Environment(
            loader=FileSystemLoader(template_folders()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["inline"] = inline
        self.templates.filters["with_heads"] = with_heads
        self.templates.filters["tone"] = lambda alert: Urgency.of(alert).tone
        self.measures = measures
        self._sign_ins = MovingWindowRateLimiter(MemoryStorage())
        self._texts = {language: ConsoleTexts(language, settings.zone) for language in Language}
        # The prefix makes browsers refuse such a cookie of another name of this host, or one without TLS.
        self.cookie = "__Host-cekalwatch" if self.tls else "cekalwatch"
        self.errand_cookie = f"{self.cookie}-errand"
        self.wall_cookie = f"{self.cookie}-wall"

    def texts_of(self, request: Request) -> ConsoleTexts:
        """Return the texts in the language that the person chose, else in the one that their browser asks for."""
        chosen = LANGUAGE_TAGS.get(request.cookies.get(LANGUAGE_COOKIE, ""))
        asked = asked_language(request.headers.get("accept-language", ""))
        return self._texts[chosen or asked or self.settings.language]

    def origin_of(self, request: Request) -> str:
        """Return scheme, name and port by which the browser calls this console."""
        return f"{'https' if self.tls else 'http'}://{request.headers.get('host', '')}"

    def set_session_cookie(self, response: Response, secret: str, *, wall: bool = False) -> None:
        """Set the browser's session cookie, or that of its wall; with an empty text, remove it."""
        name, age = self.wall_cookie if wall else self.cookie, None if secret else 0
        response.set_cookie(name, secret, max_age=age, secure=self.tls, httponly=True, samesite="strict")

    def is_open(self, session: WebSession) -> bool:
        return self.web_sessions.holds(session)

    def sign_in_allowed(self, request: Request) -> bool:
        """Whether the address of a browser has tried rarely enough; the server counts each name's tries itself."""
        client = request.client
        return self._sign_ins.hit(SIGN_INS, counted_address(client.host) if client else "")

    def end(self, session: WebSession) -> None:
        """End a browser's session or wall here and at the server."""
        self.web_sessions.end(session)
        self.walls.end(session)
        token = session.token()
        session.forget()
        # The session expires by itself; signing out must not fail because the server is away.
        with suppress(grpc.RpcError):
            SessionClient(self.dialer, session).end(token)
