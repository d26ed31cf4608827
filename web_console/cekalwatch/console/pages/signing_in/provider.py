"""Signing in through the identity provider (OpenID Connect Core 1.0, RFC 9207), and signing out.

The browser leaves through a page that forwards it, not through the answer to a form, since the policy for forms would
stop it. It comes back from another site, so the browser does not send the session's cookie; it sends the login's
cookie, and a page of the console makes the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.session import MAX_NAME, MAX_PASSWORD, ask_again, own_path, take_in
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import ApprovalToken, JointStep, KeptForm, PendingApproval
from cekalwatch.console.signing_in.pending_logins import LASTS_S, LostLoginError, PendingLogin
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.engine.call import Asked
from cekalwatch.office.client.provider_visit import BACK, end_address
from cekalwatch.office.client.refusals import error_reason, explain, roles_needed
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import Password, SessionClient

AFTERWARDS: Final = "/sign-in"
"""Where the provider sends a browser whose session it has ended; registered too."""


def leave(visit: RequestContext) -> Response:
    """Send a browser whose person wants to sign in to the provider."""
    after, kept = own_path(visit.form.get("after", "")), KeptForm.read(visit.form.get("kept", ""))
    if not visit.console.sign_in_allowed(visit.request):
        return ask_again(visit, visit.texts.say("SIGN_IN_TOO_OFTEN"), HTTPStatus.TOO_MANY_REQUESTS, after, kept)
    try:
        return send_off(visit, after, kept)
    except grpc.RpcError as error:
        return ask_again(visit, explain(error, visit.texts), HTTPStatus.SERVICE_UNAVAILABLE, after, kept)


def send_off(
    visit: RequestContext, after: str = "/", kept: KeptForm | None = None, step: JointStep | None = None
) -> Response:
    """Send a browser to the provider; raises grpc.RpcError when that, or the server, cannot be reached."""
    console = visit.console
    provider = console.offer.with_endpoints()
    if provider is None:
        return visit.problem(visit.texts.say("PROVIDER_GONE"), HTTPStatus.CONFLICT)
    errand = PendingLogin(provider, f"{console.origin_of(visit.request)}{BACK}", visit.session, after, kept, step)
    state, secret = console.errands.begin(errand, visit.request.cookies.get(console.errand_cookie, ""))
    response = visit.page("leaving.html", address=errand.address(state, visit.texts.language), host=provider.host)
    # Lax: it is needed when the browser comes back from the provider, which is another site.
    response.set_cookie(
        console.errand_cookie, secret, max_age=int(LASTS_S), secure=console.tls, httponly=True, samesite="lax"
    )
    return response


def come_back(visit: RequestContext) -> Response:
    """Take a browser back from the provider: let its person in, or take the second person's word."""
    console, visit.instead = visit.console, AFTERWARDS
    try:
        errand = console.errands.take(visit.query("state"), visit.request.cookies.get(console.errand_cookie, ""))
    except LostLoginError as lost:
        return visit.problem(visit.texts.say(f"ERRAND_{lost.why}"), HTTPStatus.FORBIDDEN)
    answer = dict(visit.request.query_params)
    problem = errand.refusal(answer, visit.texts)
    if errand.step:
        return _countersigned(visit, errand, errand.step, answer, problem)
    if not problem:
        try:
            person, token = SessionClient(console.dialer, NoToken()).prove(errand.proof(answer))
        except grpc.RpcError as error:
            problem = errand.explain(error, visit.texts)
        else:
            then, secret = take_in(visit, errand.session, WebSession(person, "", errand.provider), token, errand.kept)
            response = _arrived(visit, then or errand.after)
            console.set_session_cookie(response, secret)
            return response
    return ask_again(visit, problem, HTTPStatus.FORBIDDEN, errand.after, errand.kept)


def sign_out(visit: RequestContext) -> Response:
    """End the session here and at the server, and the provider's where it began there and that can be ended."""
    session = visit.signed_in
    visit.console.end(session)
    provider, afterwards = session.provider, f"{visit.console.origin_of(visit.request)}{AFTERWARDS}"
    language = visit.texts.language
    address = end_address(provider, language, post_logout_redirect_uri=afterwards) if provider else ""
    if provider and address:
        response = visit.page("farewell.html", address=address, host=provider.host)
    else:
        response = visit.to(AFTERWARDS)
    visit.console.set_session_cookie(response, "")
    return response


def _countersigned(
    visit: RequestContext, errand: PendingLogin, step: JointStep, answer: Mapping[str, str], problem: str
) -> Response:
    """Accept the approval of a second person, with which the first person continues."""
    first, word = errand.session, None
    if first is None or not visit.console.is_open(first):
        return visit.problem(visit.texts.say("REFUSED_SESSION_ENDED"), HTTPStatus.FORBIDDEN)
    if not problem:
        try:
            second, token = SessionClient(visit.console.dialer, first).countersign(errand.proof(answer), step.joint)
        except grpc.RpcError as error:
            problem = errand.explain(error, visit.texts)
        else:
            word = ApprovalToken(second.display_name, second.expires_at, token)
    return _arrived(visit, f"/unfinished/{first.put_aside(PendingApproval(step.form, problem, word))}")


def _arrived(visit: RequestContext, then: str) -> Response:
    """Make the browser request a page itself, with the cookie that it does not send on requests from other sites."""
    return visit.page("arrived.html", then=then)


def _ask_elsewhere(visit: RequestContext, joint: Asked[object]) -> Response:
    """Ask for a signature that somebody gives at another machine, and wait for it."""
    approval, token = visit.sessions.ask_approval(joint)
    form = KeptForm.of(visit.request.url.path, visit.form)
    kept = PendingApproval(form, asked=ApprovalToken("", approval.expires_at, token))
    return visit.to(f"/unfinished/{visit.signed_in.put_aside(kept)}/wait")


SECOND_FIELDS: Final = ("second_name", "second_by", "signed")
"""Fields of a form that has a second person."""


def with_second_where_needed(
    visit: RequestContext, joint: Asked[object], act: Callable[[str], Response], again: Callable[[str], Response]
) -> Response:
    """Let the person `act` alone, and with a second one where these fields are filled in.

    Where the server says that one is not enough, `again` shows why, and the page has the fields: `visit.two`.
    """
    if any(visit.form.get(field) for field in SECOND_FIELDS):
        visit.two = True
        return with_second_person(visit, joint, act, again)
    try:
        return act("")
    except grpc.RpcError as error:
        visit.two = error_reason(error) in {"SILENCES_ORDERS", "SECOND_PERSON_NEEDED"}
        return again(explain(error, visit.texts))


def with_second_person(
    visit: RequestContext, joint: Asked[object], act: Callable[[str], Response], again: Callable[[str], Response]
) -> Response:
    """Let a second person sign for `joint`, and `act` with their approval; `again` shows what is wrong.

    By the provider, the browser leaves first, and the form comes a second time, with the word that was given meanwhile;
    so it does when somebody signs at another machine.
    """
    form, say = visit.form, visit.texts.say
    key, name, password = form.get("signed", ""), form.get("second_name", "").strip(), form.get("second_password", "")
    # A key pressed in a field sends the form by its first button, which is not that of the password.
    by_provider = form.get("second_by") == "provider" and not password
    elsewhere = form.get("second_by") == "machine" and not password
    if not (by_provider or elsewhere or key or (0 < len(name) <= MAX_NAME and 0 < len(password) <= MAX_PASSWORD)):
        return again(say("SECOND_PERSON_MISSING"))
    if not key and not visit.console.sign_in_allowed(visit.request):
        return again(say("SIGN_IN_TOO_OFTEN"))
    try:
        if elsewhere:
            return _ask_elsewhere(visit, joint)
        if by_provider:
            return send_off(visit, step=JointStep(KeptForm.of(visit.request.url.path, form), joint))
        if key:
            kept = visit.signed_in.take_up(key)
            if kept is None or kept.word is None or kept.word.expires_at <= visit.now:
                return again(say("SECOND_WORD_OLD"))
            return act(kept.word.token)
        return act(visit.sessions.countersign(Password(name, password), joint)[1])
    except grpc.RpcError as error:
        if error_reason(error) != "PERSON_ROLE_NEEDED":
            return again(explain(error, visit.texts))
        return again(say("SECOND_PERSON_ROLE", roles=roles_needed(error, visit.texts) or say("UNKNOWN")))
