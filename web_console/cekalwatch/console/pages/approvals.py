"""*Signatures*: what others ask this person to sign as the second one, and what this person waits for.

A request is made at one machine and signed at another, so that a machine that was taken over has one of the two only.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import ApprovalToken
from cekalwatch.contract.values.approvals import Approval, ApprovalState
from cekalwatch.office.locale.approval_words import asked_for, signed_facts, silenced_words

ANSWERS: Final = {"sign": True, "refuse": False}


def show(visit: RequestContext) -> Response:
    """Show what the person may sign here, with each value."""
    waiting = visit.sessions.approvals().waiting
    return visit.page(
        "approvals.html",
        waiting=[
            (
                one,
                asked_for(one, visit.texts),
                signed_facts(one, visit.texts),
                silenced_words(one, visit.texts, visit.texts.zone),
            )
            for one in waiting
        ],
        done=visit.query("done"),
    )


def answer(visit: RequestContext) -> Response:
    """Sign what was on the page, or refuse it."""
    wanted, digest = ANSWERS.get(visit.part("answer")), visit.form.get("digest", "")
    if wanted is None:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    try:
        read = bytes.fromhex(digest)
    except ValueError:
        read = b""
    visit.sessions.answer_approval(visit.part("approval_id"), read, sign=wanted)
    return visit.to(f"/approvals?done={visit.part('answer')}")


def wait(visit: RequestContext) -> Response:
    """Show how a request of the person stands; once it is signed, the form comes back."""
    return visit.page("approval_wait.html", **_waiting(visit))


def part(visit: RequestContext) -> Response:
    """Show the same in the open page."""
    return visit.page("approval_wait_part.html", **_waiting(visit))


def _waiting(visit: RequestContext) -> dict[str, object]:
    found = _standing(visit)
    silenced = silenced_words(found, visit.texts, visit.texts.zone) if found else ()
    return {"key": visit.part("key"), "approval": found, "silenced": silenced}


def _standing(visit: RequestContext) -> Approval | None:
    """Return the request of a form, and let the form go on once it is signed; None when it is over."""
    key, unfinished = visit.part("key"), visit.signed_in.unfinished
    kept = unfinished.get(key)
    token = kept and (kept.asked or kept.word)
    if kept is None or not token:
        return None
    wanted = hashlib.sha256(token.token.encode()).hexdigest()
    found = next((one for one in visit.sessions.approvals().asked if one.approval_id == wanted), None)
    if found and found.second and found.state is ApprovalState.SIGNED:
        word = ApprovalToken(found.second.display_name, found.expires_at, token.token)
        unfinished[key] = replace(kept, word=word, asked=None)
    return found
