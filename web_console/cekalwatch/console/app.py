"""The console as an ASGI application: it identifies the person, and calls the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import grpc
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from cekalwatch.console.console import Console
from cekalwatch.console.import_jobs import TooManyFilesError
from cekalwatch.console.page import Page
from cekalwatch.console.pages.watchlist import imports
from cekalwatch.console.request_context import NotSignedInError, RequestContext, read_form
from cekalwatch.console.routes import RENAMED, ROUTES, refusal, to_sign_in
from cekalwatch.console.security_middleware import MAX_FORM_BYTES, SecurityMiddleware
from cekalwatch.console.signing_in.pending_approvals import KeptForm, PendingApproval
from cekalwatch.office.client.refusals import SESSION_OVER, UNREACHABLE, error_reason, explain
from cekalwatch.program.loops import LOOPS
from cekalwatch.wire.bounds import MAX_LIST_FILE_BYTES

STATIC: Final = Path(__file__).parent / "static"
SWEEP_S: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True)
class ConsoleApp:
    """Identifies the person and the page, and calls the page."""

    console: Console

    @property
    def asgi(self) -> ASGIApp:
        routes = [Route(page.path, partial(self._answer, page), methods=[page.method]) for page in ROUTES]
        renamed = [Route(f"{old}{{below:path}}", partial(_lead_to, new)) for old, new in RENAMED.items()]
        # Only files are compressed: the length of a compressed page would tell what stands beside a form's token.
        files = Mount("/static", GZipMiddleware(StaticFiles(directory=STATIC)))
        inner = Starlette(
            routes=[*routes, *renamed, files],
            lifespan=self._open,
            exception_handlers={404: self._missing, 405: self._missing},
        )
        larger = {page.path: MAX_LIST_FILE_BYTES + MAX_FORM_BYTES for page in ROUTES if page.takes_file}
        return SecurityMiddleware(
            inner, self.console.settings.allowed_hosts, larger, self._too_large, tls=self.console.tls
        )

    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncIterator[None]:
        with self.console.news:
            sweeping = asyncio.create_task(LOOPS.keep("end_idle_sessions", self._sweep, SWEEP_S))
            try:
                yield
            finally:
                sweeping.cancel()
                self.console.imports.close()
                self.console.calls.close()

    async def _sweep(self) -> None:
        for session in (*self.console.web_sessions.take_idle(), *self.console.walls.take_idle()):
            await run_in_threadpool(self.console.end, session)
        self.console.imports.sweep(self.console.is_open)

    async def _too_large(self, request: Request) -> Response:
        visit = self._visit(request, used=True)
        words = visit.texts.say("FILE_TOO_LARGE", most=MAX_LIST_FILE_BYTES // imports.MEGABYTE)
        return visit.problem(words, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    async def _missing(self, request: Request, _: Exception) -> Response:
        visit = self._visit(request, used=True)
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)

    def _visit(self, request: Request, *, used: bool, on_wall: bool = False) -> RequestContext:
        console = self.console
        secret = request.cookies.get(console.wall_cookie if on_wall else console.cookie, "")
        kept = console.walls if on_wall else console.web_sessions
        session = kept.find(secret, used=used and not on_wall) if secret else None
        return RequestContext(console, request, console.texts_of(request), session, on_wall=on_wall)

    async def _answer(self, page: Page, request: Request) -> Response:
        status, begun_s = HTTPStatus.INTERNAL_SERVER_ERROR.value, time.perf_counter()
        try:
            response = await self._made(page, request)
            status = response.status_code
            return response
        finally:
            self.console.measures.answer(page.method, page.path, status, time.perf_counter() - begun_s)

    async def _made(self, page: Page, request: Request) -> Response:
        visit = self._visit(request, used=page.by_a_person, on_wall=page.on_wall)
        if page.method == "POST" and not _is_own_form(request, self.console.origin_of(request)):
            return visit.problem(visit.texts.say("FORM_FOREIGN"), HTTPStatus.FORBIDDEN)
        try:
            with ExitStack() as coming:
                # Only people with the right can send a file here, and only as many files are accepted as fit.
                if page.takes_file:
                    if refused := await run_in_threadpool(refusal, page, visit):
                        return refused
                    coming.enter_context(self.console.imports.coming())
                if page.method == "POST":
                    visit.form, visit.upload = await read_form(request, files=int(page.takes_file))
                return await self._answered(page, visit)
        except NotSignedInError:
            return await run_in_threadpool(to_sign_in, page, visit)
        except TooManyFilesError:
            return await run_in_threadpool(imports.too_many, visit)
        except grpc.RpcError as error:
            return await self._refused(visit, page, error)
        finally:
            if visit.upload:
                await visit.upload.close()

    async def _answered(self, page: Page, visit: RequestContext) -> Response:
        if refused := await run_in_threadpool(refusal, page, visit):
            return refused
        if page.stream:
            return await page.stream(visit)
        if page.method == "POST" and page.people is not None and not visit.form_is_own:
            return await run_in_threadpool(_show_old_form, page, visit)
        return await run_in_threadpool(page.handler, visit)

    async def _refused(self, visit: RequestContext, page: Page, error: grpc.RpcError) -> Response:
        if error_reason(error) in SESSION_OVER and visit.session:
            await run_in_threadpool(self.console.end, visit.session)
            visit.session = None
            return await run_in_threadpool(to_sign_in, page, visit)
        log.warning("page_refused", page=page.path, code=error_reason(error) or error.code().name)
        away = error.code() in UNREACHABLE
        status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.CONFLICT
        words, again = explain(error, visit.texts), visit.address if page.method == "GET" else ""
        if page.method == "POST" and page.again and visit.session:
            # Perhaps only its answer was lost.
            told = visit.texts.say("FORM_UNANSWERED") if away else words
            kept = PendingApproval(KeptForm.of(visit.request.url.path, visit.form), told)
            again = f"/unfinished/{visit.session.put_aside(kept)}"
        return visit.problem(words, status, again)


async def _lead_to(path: str, request: Request) -> Response:
    """Lead from a former address to the present one."""
    below, query = request.path_params["below"], request.url.query
    return RedirectResponse(f"{path}{below}" + (f"?{query}" if query else ""), HTTPStatus.PERMANENT_REDIRECT)


def _is_own_form(request: Request, origin: str) -> bool:
    """Whether a form was sent by a page of this console: browsers name the origin of each such request."""
    own = request.headers.get("origin") == origin
    return own and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _show_old_form(page: Page, visit: RequestContext) -> Response:
    """Answer a form of an earlier session without acting on it: it shows the form again, if there is one."""
    if page.again is None:
        return visit.problem(visit.texts.say("FORM_OLD"), HTTPStatus.FORBIDDEN)
    response = page.again(visit, visit.texts.say("SESSION_HAD_ENDED"))
    response.status_code = HTTPStatus.FORBIDDEN
    return response
