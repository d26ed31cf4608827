"""The second person of what takes two: by a password on the first person's page, or by the identity provider."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import send_off
from cekalwatch.console.pages.signing_in.session import MAX_NAME, MAX_PASSWORD
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import JointStep, KeptForm
from cekalwatch.office.client.proofs import Password
from cekalwatch.office.client.refusals import error_reason, explain
from cekalwatch.office.client.session_client import JointRequest


def with_second_person(
    visit: RequestContext, joint: JointRequest, act: Callable[[str], Response], again: Callable[[str], Response]
) -> Response:
    """Let a second person sign for `joint`, and `act` with the word that they give; `again` says what is wrong.

    By the provider, the browser leaves first, and the form comes a second time, with the word that was given meanwhile.
    """
    form, say = visit.form, visit.texts.say
    key, name, password = form.get("signed", ""), form.get("second_name", "").strip(), form.get("second_password", "")
    by_provider = form.get("second_by") == "provider"
    if not (by_provider or key or (0 < len(name) <= MAX_NAME and 0 < len(password) <= MAX_PASSWORD)):
        return again(say("SECOND_PERSON_MISSING"))
    if not key and not visit.console.sign_in_allowed(visit.request):
        return again(say("SIGN_IN_TOO_OFTEN"))
    try:
        if by_provider:
            return send_off(visit, step=JointStep(KeptForm.of(visit.request.url.path, form), joint))
        if key:
            kept = visit.signed_in.take_up(key)
            if kept is None or kept.word is None or kept.word.expires_at <= visit.now:
                return again(say("SECOND_WORD_OLD"))
            return act(kept.word.token)
        return act(visit.sessions.countersign(Password(name, password), joint)[1])
    except grpc.RpcError as error:
        of_second = error_reason(error) == "PERSON_ROLE_NEEDED"
        return again(say("SECOND_PERSON_ROLE") if of_second else explain(error, visit.texts))
