"""A page of the console: its path, who may see it and what answers; and what others get instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import quote

from starlette.responses import Response

from cekalwatch.console.pages.signing_in.session import ask_again
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import KeptForm
from cekalwatch.contract.values.people import PersonRole

STRANGERS: Final = None
"""Also who has not."""


@dataclass(frozen=True)
class Page:
    """A page, or something that a page does."""

    method: Literal["GET", "POST"]
    path: str
    people: frozenset[PersonRole] | None
    """Who may see it: the roles of which a person needs one, ANYBODY or STRANGERS. The server decides again."""
    handler: Callable[[RequestContext], Response]
    """Answers in a thread; may raise NotSignedInError and grpc.RpcError."""
    by_a_person: bool = True
    """Whether a person asks for it; a part that a page renews by itself keeps nobody signed in."""
    again: Callable[[RequestContext, str], Response] | None = None
    """Shows the form that was sent as it was filled in, with what there is to say of it; None: nothing is typed there.
    It may raise as `handler` does."""
    takes_file: bool = False
    """Whether its form has a file."""
    with_first_password: bool = False
    """Whether it is there for who has not changed the first password yet."""
    stream: Callable[[RequestContext], Awaitable[Response]] | None = None
    """Answers instead on the event loop, for as long as the browser listens."""


def refusal(page: Page, visit: RequestContext) -> Response | None:
    """Return what who asks gets instead of a page; None for who may see it: decided here alone.

    Raises grpc.RpcError for who has no session any more.
    """
    if (people := page.people) is None:
        return None
    if (session := visit.session) is None:
        return to_sign_in(page, visit)
    if not session.person.password_change_needed:
        # What the console has itself, as the reports of imports, is for who still may see it.
        visit.look_at_person()
    if session.person.password_change_needed and not page.with_first_password:
        return visit.to("/password")
    if people and not session.person.roles & people:
        return visit.problem(visit.texts.say("PAGE_NOT_ALLOWED"), HTTPStatus.FORBIDDEN)
    return None


def to_sign_in(page: Page, visit: RequestContext) -> Response:
    """Ask who it is, and keep the form that was sent."""
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
    visit.console.set_session_cookie(response, "")
    return response
