"""The console as an ASGI application: it finds out who asks, and lets the pages answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

import grpc
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, compile_path
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from cekalwatch.console.defences import MAX_FORM_BYTES, Defences
from cekalwatch.console.list_keeping.import_client import ImportClient
from cekalwatch.console.list_keeping.import_jobs import ImportJobs, TooManyFilesError
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.monitoring.measures import UNMEASURED, Measures
from cekalwatch.console.news import News
from cekalwatch.console.pages.routes import ROUTES, Page
from cekalwatch.console.pages.signing_in.session import ask_again
from cekalwatch.console.pages.watchlist import imports
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.console.signing_in.errands import Errands
from cekalwatch.console.signing_in.offer import ProviderOffer
from cekalwatch.console.signing_in.unfinished import KeptForm, Unfinished
from cekalwatch.console.visit import NotSignedInError, Visit, inline, read_form
from cekalwatch.console.web_sessions import WebSession, WebSessions
from cekalwatch.office.client.refusals import SESSION_OVER, UNREACHABLE, error_reason, explain
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.translations import Language
from cekalwatch.wire.address import counted_address
from cekalwatch.wire.bounds import MAX_LIST_FILE_BYTES
from cekalwatch.wire.calls import Calls

FOLDER: Final = Path(__file__).parent
LANGUAGE_COOKIE: Final = "language"
SWEEP_S: Final = 5.0
SIGN_INS: Final = RateLimitItemPerMinute(20)
"""Of one address: several people may sit behind it."""

log = structlog.get_logger()


class Console:
    """What all pages share."""

    def __init__(self, settings: ConsoleSettings, measures: Measures = UNMEASURED) -> None:
        """Raises ProgramError when a certificate cannot be used."""
        self.settings = settings
        self.tls = settings.web_tls is not None
        self.dialer = settings.dialer(measures)
        self.calls = Calls(self.dialer)
        self.news = News(settings, settings.dialer(measures))
        self.web_sessions = WebSessions(settings.idle_lock_s)
        self.errands = Errands()
        self.offer = ProviderOffer(self.dialer.another())
        self.imports = ImportJobs(lambda session: ImportClient(self.dialer, session))
        self.templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["inline"] = inline
        self._measures = measures
        self._sign_ins = MovingWindowRateLimiter(MemoryStorage())
        self._texts = {language: ConsoleTexts(language, settings.zone) for language in Language}
        # The prefix makes browsers refuse such a cookie of another name of this host, or one without TLS.
        self.cookie = "__Host-cekalwatch" if self.tls else "cekalwatch"
        self.errand_cookie = f"{self.cookie}-errand"

    @property
    def app(self) -> ASGIApp:
        """The application."""
        routes = [Route(page.path, partial(self._answer, page), methods=[page.method]) for page in ROUTES]
        files = Mount("/static", StaticFiles(directory=FOLDER / "static"))
        inner = Starlette(
            routes=[*routes, files], lifespan=self._open, exception_handlers={404: self._missing, 405: self._missing}
        )
        larger = {page.path: MAX_LIST_FILE_BYTES + MAX_FORM_BYTES for page in ROUTES if page.takes_file}
        return Defences(inner, self.settings.allowed_hosts, larger, self._too_large, tls=self.tls)

    def texts_of(self, request: Request) -> ConsoleTexts:
        """Return the texts in the language that the browser's person chose."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        return self._texts[Language(chosen) if chosen in set(Language) else self.settings.language]

    def origin_of(self, request: Request) -> str:
        """Return scheme, name and port by which the browser calls this console."""
        return f"{'https' if self.tls else 'http'}://{request.headers.get('host', '')}"

    def show_again(self, visit: Visit, kept: Unfinished, key: str) -> Response | None:
        """Show a form as it was filled in, to whoever may see its page; None when there is no such form."""
        for page in ROUTES:
            if page.method == "POST" and page.again and (found := compile_path(page.path)[0].match(kept.form.path)):
                if refusal := self._refusal(page, visit):
                    return refusal
                visit.form, visit.params = kept.form.fields, found.groupdict()
                visit.signed = (key, kept.word) if kept.word else None
                return page.again(visit, kept.problem)
        return None

    def set_session_cookie(self, response: Response, secret: str) -> None:
        """Give the browser the cookie of a session; with an empty text, take it away."""
        response.set_cookie(
            self.cookie, secret, max_age=None if secret else 0, secure=self.tls, httponly=True, samesite="strict"
        )

    def is_open(self, session: WebSession) -> bool:
        """Whether a browser's session goes on."""
        return self.web_sessions.holds(session)

    def sign_in_allowed(self, visit: Visit) -> bool:
        """Whether the address of a browser has tried rarely enough; the server counts each name's tries itself."""
        client = visit.request.client
        return self._sign_ins.hit(SIGN_INS, counted_address(client.host) if client else "")

    def end(self, session: WebSession) -> None:
        """End a browser's session here and at the server."""
        self.web_sessions.end(session)
        token = session.token()
        session.forget()
        # It runs out by itself; signing out must not fail because the server is away.
        with suppress(grpc.RpcError):
            SessionClient(self.dialer, session).end(token)

    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncIterator[None]:
        with self.news:
            sweeping = asyncio.create_task(LOOPS.keep("end_idle_sessions", self._sweep, SWEEP_S))
            try:
                yield
            finally:
                sweeping.cancel()
                self.imports.close()
                self.calls.close()

    async def _sweep(self) -> None:
        for session in self.web_sessions.take_idle():
            await run_in_threadpool(self.end, session)
        self.imports.sweep(self.is_open)

    async def _too_large(self, request: Request) -> Response:
        visit = Visit(self, request, self.texts_of(request), self._session_of(request, used=True))
        words = visit.texts.say("FILE_TOO_LARGE", most=MAX_LIST_FILE_BYTES // imports.MEGABYTE)
        return visit.problem(words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def _missing(self, request: Request, _: Exception) -> Response:
        visit = Visit(self, request, self.texts_of(request), self._session_of(request, used=True))
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)

    def _session_of(self, request: Request, *, used: bool) -> WebSession | None:
        secret = request.cookies.get(self.cookie, "")
        return self.web_sessions.find(secret, used=used) if secret else None

    async def _answer(self, page: Page, request: Request) -> Response:
        """Answer a request for one page, and measure that."""
        status, begun_s = HTTPStatus.INTERNAL_SERVER_ERROR.value, time.perf_counter()
        try:
            response = await self._made(page, request)
            status = response.status_code
            return response
        finally:
            self._measures.page(page.method, page.path, status, time.perf_counter() - begun_s)

    async def _made(self, page: Page, request: Request) -> Response:
        visit = Visit(self, request, self.texts_of(request), self._session_of(request, used=page.by_a_person))
        if page.method == "POST" and not _is_own_form(request, self.origin_of(request)):
            return visit.problem(visit.texts.say("FORM_FOREIGN"), HTTPStatus.FORBIDDEN)
        try:
            with ExitStack() as coming:
                # Nobody sends a file here who may not, and no more of them come than are held.
                if page.takes_file:
                    if refusal := await run_in_threadpool(self._refusal, page, visit):
                        return refusal
                    coming.enter_context(self.imports.coming())
                if page.method == "POST":
                    visit.form, visit.upload = await read_form(request, files=int(page.takes_file))
                return await self._answered(page, visit)
        except NotSignedInError:
            return await run_in_threadpool(self._to_sign_in, visit, page)
        except TooManyFilesError:
            return await run_in_threadpool(imports.too_many, visit)
        except grpc.RpcError as error:
            return await self._refused(visit, page, error)
        finally:
            if visit.upload:
                await visit.upload.close()

    async def _answered(self, page: Page, visit: Visit) -> Response:
        if refusal := await run_in_threadpool(self._refusal, page, visit):
            return refusal
        if page.stream:
            return await page.stream(visit)
        if page.method == "POST" and page.people is not None and not visit.form_is_own:
            return await run_in_threadpool(_show_old_form, page, visit)
        return await run_in_threadpool(page.handler, visit)

    def _refusal(self, page: Page, visit: Visit) -> Response | None:
        """Return what who asks gets instead of a page; None for who may see it: decided here alone.

        Raises grpc.RpcError for who has no session any more.
        """
        if (people := page.people) is None:
            return None
        if (session := visit.session) is None:
            return self._to_sign_in(visit, page)
        if not session.person.password_change_needed:
            # What the console has itself, as the reports of imports, is for who still may see it.
            visit.look_at_person()
        if session.person.password_change_needed and not page.with_first_password:
            return visit.to("/password")
        if people and not session.person.roles & people:
            return visit.problem(visit.texts.say("PAGE_NOT_ALLOWED"), HTTPStatus.FORBIDDEN)
        return None

    async def _refused(self, visit: Visit, page: Page, error: grpc.RpcError) -> Response:
        if error_reason(error) in SESSION_OVER and visit.session:
            await run_in_threadpool(self.end, visit.session)
            visit.session = None
            return await run_in_threadpool(self._to_sign_in, visit, page)
        log.warning("page_refused", page=page.path, code=error_reason(error) or error.code().name)
        away = error.code() in UNREACHABLE
        status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.CONFLICT
        words, again = explain(error, visit.texts), visit.address if page.method == "GET" else ""
        if page.method == "POST" and page.again and visit.session:
            # Its answer may be what was lost.
            told = visit.texts.say("FORM_UNANSWERED") if away else words
            kept = Unfinished(KeptForm.of(visit.request.url.path, visit.form), told)
            again = f"/unfinished/{visit.session.put_aside(kept)}"
        return visit.problem(words, status, again)

    def _to_sign_in(self, visit: Visit, page: Page) -> Response:
        if not page.by_a_person:  # a part of a page that is open: it says so itself
            return visit.page("part_signed_out.html", HTTPStatus.UNAUTHORIZED)
        after, path = visit.address, visit.request.url.path
        kept = KeptForm.of(path, visit.form) if page.again and page.method == "POST" else None
        if page.takes_file:
            response = visit.to(f"/sign-in?after={quote(path)}&lost=file")
        elif kept and kept.fields:
            words = visit.texts.say("REFUSED_SESSION_ENDED")
            response = ask_again(visit, words, HTTPStatus.UNAUTHORIZED, "/", kept)
        else:
            response = visit.to("/sign-in" if after == "/" else f"/sign-in?after={quote(after)}")
        self.set_session_cookie(response, "")
        return response


def _is_own_form(request: Request, origin: str) -> bool:
    """Whether a form was sent by a page of this console: browsers say with each such request where it comes from."""
    own = request.headers.get("origin") == origin
    return own and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _show_old_form(page: Page, visit: Visit) -> Response:
    """Answer a form of an earlier session, with which nothing is done: it is shown again, where it has one."""
    if page.again is None:
        return visit.problem(visit.texts.say("FORM_OLD"), HTTPStatus.FORBIDDEN)
    response = page.again(visit, visit.texts.say("SESSION_HAD_ENDED"))
    response.status_code = HTTPStatus.FORBIDDEN
    return response
