"""Errors as problem documents (RFC 9457), and bounds of requests. No value of a request is repeated in an answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from cekalwatch.client.errors import (
    CallError,
    ChangedMeanwhileError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    SignInNeededError,
    TooManyCallsError,
    UnreachableError,
)
from cekalwatch.gateway.messages import Problem
from cekalwatch.program.measures import Measures

MAX_BODY_BYTES: Final = 16 * 1024
"""Of a request without a list file."""
LISTS: Final = "/v1/list/"
"""Where list files are sent, which have a bound of their own."""
MEDIA_TYPE: Final = "application/problem+json"

_STATUS: Final[Mapping[type[CallError], int]] = {
    SignInNeededError: 401,
    NotAllowedError: 403,
    NotFoundError: 404,
    ChangedMeanwhileError: 409,
    InvalidRequestError: 422,
    TooManyCallsError: 429,
    UnreachableError: 503,
}
_SIGN_IN: Final = "Sign in with POST /v1/session, and send its token in the header Cekalwatch-Session."
_TITLES: Final[Mapping[int, str]] = {
    400: "The body is no JSON.",
    404: "There is no such path.",
    405: "The path has other methods.",
}


class GatewayError(Exception):
    """An error of the gateway itself."""

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(title)
        self.problem = Problem(type="about:blank", title=title, status=status, detail=detail, code=code)


def _answer(status: int, code: str, title: str, detail: str) -> JSONResponse:
    problem = Problem(type="about:blank", title=title, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA_TYPE)


async def _own(_: Request, error: Exception) -> JSONResponse:
    problem = error.problem if isinstance(error, GatewayError) else None
    return _answer(problem.status, problem.code, problem.title, problem.detail) if problem else await _failed(_, error)


async def _servers(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, CallError):
        return await _failed(_, error)
    what_to_do = _SIGN_IN if isinstance(error, SignInNeededError) else error.what_to_do
    return _answer(_STATUS.get(type(error), 500), error.code, error.reason, what_to_do)


async def _wrong(_: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else ()
    places = {" ".join(one for one in fault["loc"][:2] if isinstance(one, str)) for fault in faults}
    told = ", ".join(sorted(places)) or "the request"
    return _answer(422, "REQUEST_INVALID", "The request is not as /v1/openapi.json says.", f"Look at: {told}.")


async def _other(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return await _failed(request, error)
    status = error.status_code
    title = _TITLES.get(status, "The request cannot be answered.")
    answer = _answer(status, "REQUEST_INVALID", title, "Look at /v1/openapi.json.")
    answer.headers.update(error.headers or {})
    if status == 405 and (methods := request.app.openapi()["paths"].get(request.url.path)):
        answer.headers["allow"] = ", ".join(sorted(method.upper() for method in methods))  # of all its routes
    return answer


async def _failed(_: Request, __: Exception) -> JSONResponse:
    return _answer(500, "GATEWAY_FAULT", "The gateway failed.", "Tell the administrator.")


async def _bounded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if request.method not in {"GET", "HEAD", "DELETE"} and not request.url.path.startswith(LISTS):
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return _answer(411, "LENGTH_MISSING", "The request has no length.", "Send Content-Length.")
        if int(length[:20]) > MAX_BODY_BYTES:
            return _answer(413, "BODY_TOO_LARGE", "The request is too large.", "Send less.")
    response = await call_next(request)
    response.headers["cache-control"] = "no-store"
    return response


def tell_problems(app: FastAPI, measures: Measures) -> None:
    """Let an application answer errors with problem documents, bound its requests, and measure its answers."""

    @app.middleware("http")
    async def measured(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        status, begun_s = 500, time.perf_counter()
        try:
            response = await _bounded(request, call_next)
            status = response.status_code
            return response
        finally:
            # A path that no route has is the caller's text, and is not repeated.
            route = getattr(request.scope.get("route"), "path", "none")
            method = request.method if route != "none" else "none"
            measures.answer(method, route, status, time.perf_counter() - begun_s)

    app.add_exception_handler(GatewayError, _own)
    app.add_exception_handler(CallError, _servers)
    app.add_exception_handler(RequestValidationError, _wrong)
    app.add_exception_handler(HTTPException, _other)
    app.add_exception_handler(Exception, _failed)
