"""One request of a browser, as the pages see it, and the answers that they give."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import grpc
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cekalwatch.console.clients.audit_client import AuditClient
from cekalwatch.console.clients.camera_client import CameraClient
from cekalwatch.console.clients.report_client import ReportClient
from cekalwatch.console.console import Console
from cekalwatch.console.guide_texts import guide_of
from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.menu import MenuSection, menu_of
from cekalwatch.console.security_middleware import INLINE_PICTURES, POLICY
from cekalwatch.console.signing_in.pending_approvals import ApprovalToken
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.calls import operations, people
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole, PersonSession, ProviderFacts
from cekalwatch.contract.values.status import ServerStatus
from cekalwatch.office.client.alarm_client import AlarmClient
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.port_client import PortClient
from cekalwatch.office.client.refusals import UNREACHABLE
from cekalwatch.office.client.service_client import Answer, ServiceClient
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.office.client.watchlist_client import SubjectClient

MAX_FIELDS: Final = 50
STATUS_S: Final = 10.0
"""How long the server may take to say how it does."""
TOLD_S: Final = 10.0
"""Maximum age of the server's answer about a person."""


class NotSignedInError(Exception):
    """A page was requested that needs a signed-in person."""


@dataclass
class RequestContext:
    """A request: its person, language and fields."""

    console: Console
    request: Request
    texts: ConsoleTexts
    session: WebSession | None
    form: Mapping[str, str] = field(default_factory=dict)
    """The form's input; empty for a request that changes nothing."""
    instead: str = ""
    """The page to return to instead of this one, which can be used once; empty means this one."""
    params: Mapping[str, str] | None = None
    """Parts of the path of a form that is shown again; else those of the request's own path count."""
    signed: tuple[str, ApprovalToken] | None = None
    """The word that a second person has given for the form on the page, with its key."""
    two: bool = False
    """Whether the form on the page needs a second person, as the server said."""
    upload: UploadFile | None = None
    """The file of a form that has one; closed after the answer unless the page has taken it from here."""
    on_wall: bool = False
    """Whether the session is that of a wall, at which nobody needs to be."""

    @property
    def signed_in(self) -> WebSession:
        """The session; raises NotSignedInError."""
        if self.session is None:
            raise NotSignedInError
        return self.session

    @property
    def person(self) -> PersonSession:
        """The person; raises NotSignedInError."""
        return self.signed_in.person

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def form_is_own(self) -> bool:
        """Whether the form was given to the browser in this session."""
        return self.session is not None and self.form.get("form_token") == self.session.form_token

    def has(self, roles: frozenset[PersonRole]) -> bool:
        """Whether the person has one of these roles."""
        return bool(self.session and self.session.person.roles & roles)

    @property
    def provider(self) -> ProviderFacts | None:
        """The identity provider that people can use; None means that they sign in with passwords only."""
        return self.console.offer.now()

    @property
    def menu(self) -> tuple[MenuSection, ...]:
        """The sections and pages that the person is offered."""
        return menu_of(self.person.roles)

    @property
    def guide(self) -> str:
        """The address of the person's guide, at the place of this page."""
        return guide_of(self.person.roles, self.path)

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def is_part(self) -> bool:
        """Whether a page that is open asks for a part of itself."""
        return bool(self.request.headers.get("hx-request") == "true")

    @property
    def address(self) -> str:
        """Path and query of the page, to return to; the first page for a sent form."""
        if self.instead:
            return self.instead
        if self.request.method != "GET":
            return "/"
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def query(self, name: str) -> str:
        """Return a field of the address, or an empty text."""
        return str(self.request.query_params.get(name, ""))

    def part(self, name: str) -> str:
        return str((self.request.path_params if self.params is None else self.params)[name])

    def ask(self, asked: Asked[Answer], word: str = "", *, deadline_s: float | None = None) -> Answer:
        """Make a call for the person, with the word of a second one where it needs two."""
        return ServiceClient(self.console.calls, self.signed_in).ask(asked, word, deadline_s=deadline_s)

    def status(self) -> ServerStatus:
        """Ask the server how it does."""
        return self.ask(operations.GET_STATUS(), deadline_s=STATUS_S)

    @property
    def alerts(self) -> AlertClient:
        return AlertClient(self.console.calls, self.console.settings.name, AlertFilter(), self.signed_in)

    def look_at_person(self) -> None:
        """Ask the server for the signed-in person and their rights, unless it answered in the last TOLD_S seconds.

        Raises grpc.RpcError when the session has ended there; while the server is unavailable, its last answer stays.
        """
        session = self.signed_in
        if time.monotonic() - session.told_at_s < TOLD_S:
            return
        try:
            session.person, session.told_at_s = self.ask(people.GET_SESSION()), time.monotonic()
        except grpc.RpcError as error:
            if error.code() not in UNREACHABLE:
                raise

    @property
    def ports(self) -> PortClient:
        return PortClient(self.console.calls, self.signed_in)

    @property
    def alarms(self) -> AlarmClient:
        return AlarmClient(self.console.calls, "", self.signed_in)

    @property
    def reports(self) -> ReportClient:
        """The calls about figures of the field."""
        return ReportClient(self.console.calls, self.signed_in)

    @property
    def audit(self) -> AuditClient:
        """The auditor's calls about the audit trail."""
        return AuditClient(self.console.calls, self.console.dialer, self.signed_in)

    @property
    def subjects(self) -> SubjectClient:
        """The list manager's calls to view the list."""
        return SubjectClient(self.console.calls, self.signed_in)

    @property
    def cameras(self) -> CameraClient:
        """The administrator's calls about what cameras may send."""
        return CameraClient(self.console.calls, self.signed_in)

    @property
    def sessions(self) -> SessionClient:
        return SessionClient(self.console.dialer, self.signed_in)

    def page(self, template: str, code: HTTPStatus | None = None, /, **values: object) -> Response:
        """Render a page, or a part of one; without a `code`, a page with a `problem` is a CONFLICT."""
        html = self.console.templates.get_template(template).render(
            visit=self,
            say=self.texts.say,
            texts=self.texts,
            now=self.now,
            form_token=self.session.form_token if self.session else "",
            **values,
        )
        return HTMLResponse(html, code or (HTTPStatus.CONFLICT if values.get("problem") else HTTPStatus.OK))

    def page_with_pictures(self, template: str, code: HTTPStatus | None = None, /, **values: object) -> Response:
        """Render a page with pictures in itself: one with an address of its own would be recorded as one more view."""
        response = self.page(template, code, **values)
        response.headers[POLICY] = INLINE_PICTURES
        return response

    def to(self, path: str) -> Response:
        """Send the browser to another page of the console, with GET."""
        return RedirectResponse(path, HTTPStatus.SEE_OTHER)

    def problem(self, words: str, code: HTTPStatus, again: str = "") -> Response:
        """Show an error in words; `again` is the place to try again, with the entered values."""
        return self.page("part_problem.html" if self.is_part else "problem.html", code, words=words, again=again)


async def read_form(request: Request, *, files: int) -> tuple[Mapping[str, str], UploadFile | None]:
    """Return the fields of a form and its file, if it may have one: in memory, or in a file without a name.

    Raises HTTPException for a body that is not a browser's form.
    """
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith("multipart/") and "charset" in kind:
        # Browsers name no encoding, and some that Python knows take seconds for the bytes of a form.
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    try:
        form = await request.form(max_files=files, max_fields=MAX_FIELDS)
    except ClientDisconnect:
        return {}, None
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return fields, next((value for value in form.values() if isinstance(value, UploadFile)), None)
