"""Signing in by a password, changing it, and the language."""

from __future__ import annotations

from http import HTTPStatus

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import KeptForm, PendingApproval
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.values.people import KEEPS_SYSTEM
from cekalwatch.office.client.refusals import explain
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import Password, SessionClient
from cekalwatch.program.translations import Language

LANGUAGE_S = 365 * 24 * 3600
MAX_NAME = 64
MAX_PASSWORD = 256


def ask_sign_in(visit: RequestContext) -> Response:
    words = visit.texts.say("FILE_NOT_TAKEN") if visit.query("lost") == "file" else ""
    return ask_again(visit, words, HTTPStatus.OK, own_path(visit.query("after")), None)


def ask_again(
    visit: RequestContext, problem: str, status: HTTPStatus, after: str, kept: KeptForm | None, name: str = ""
) -> Response:
    """Ask the person to sign in again, with a message; a form that was filled in stays with the browser."""
    written = kept.written() if kept else ""
    return visit.page("sign_in.html", status, after=after, kept=written, name=name, words=problem)


def sign_in(visit: RequestContext) -> Response:
    """Begin a session; the browser gets a new cookie, whatever it had."""
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    after, kept = own_path(visit.form.get("after", "")), KeptForm.read(visit.form.get("kept", ""))

    def again(words: str, status: HTTPStatus) -> Response:
        return ask_again(visit, words, status, after, kept, name)

    if not (0 < len(name) <= MAX_NAME and 0 < len(password) <= MAX_PASSWORD):
        return again(visit.texts.say("REFUSED_SIGN_IN_REFUSED"), HTTPStatus.FORBIDDEN)
    if not visit.console.sign_in_allowed(visit.request):
        return again(visit.texts.say("SIGN_IN_TOO_OFTEN"), HTTPStatus.TOO_MANY_REQUESTS)
    try:
        person, token = SessionClient(visit.console.dialer, NoToken()).prove(Password(name, password))
    except grpc.RpcError as error:
        return again(explain(error, visit.texts), HTTPStatus.FORBIDDEN)
    then, secret = take_in(visit, visit.session, WebSession(person, name), token, kept)
    response = visit.to("/password" if person.password_change_needed else then or after)
    visit.console.set_session_cookie(response, secret)
    return response


def take_in(
    visit: RequestContext, former: WebSession | None, session: WebSession, token: str, kept: KeptForm | None
) -> tuple[str, str]:
    """Begin a session in place of the one that the browser had.

    Return the page of the form to go on with, or an empty text, and the new cookie's value.
    """
    if former:
        visit.console.end(former)
    secret, removed = visit.console.web_sessions.begin(session, token)
    for one in removed:
        visit.console.end(one)
    if kept is None:
        return "", secret
    key = session.put_aside(PendingApproval(kept, visit.texts.say("SESSION_HAD_ENDED")))
    return f"/unfinished/{key}", secret


def ask_password(visit: RequestContext) -> Response:
    return _password_page(visit, HTTPStatus.OK, "")


def change_password(visit: RequestContext) -> Response:
    """Change the password; the person then signs in again, since the first session was only for that."""
    present, wanted, again = (visit.form.get(name, "") for name in ("present", "wanted", "again"))
    if wanted != again:
        return _not_changed(visit, visit.texts.say("PASSWORDS_DIFFER"))
    session = visit.signed_in
    try:
        visit.sessions.change_password(present, wanted)
        person = visit.sessions.whoami()
    except grpc.RpcError as error:
        return _not_changed(visit, explain(error, visit.texts))
    session.person = person
    return visit.page("done.html", words=visit.texts.say("PASSWORD_CHANGED"), then="/")


def choose_language(visit: RequestContext) -> Response:
    """Show the pages in another language from now on."""
    response = visit.to(own_path(visit.form.get("after", "")))
    wanted = visit.form.get("language", "")
    if wanted in set(Language):
        response.set_cookie("language", wanted, max_age=LANGUAGE_S, secure=visit.console.tls, samesite="lax")
    return response


def own_path(path: str) -> str:
    """Return a path of this console; anything else could lead the browser elsewhere."""
    sound = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if sound else "/"


def _not_changed(visit: RequestContext, words: str) -> Response:
    return _password_page(visit, HTTPStatus.CONFLICT, words)


def _password_page(visit: RequestContext, status: HTTPStatus, words: str) -> Response:
    signs = visit.has(KEEPS_SYSTEM) and not visit.signed_in.person.password_change_needed
    return visit.page("password.html", status, words=words, signs=signs)
