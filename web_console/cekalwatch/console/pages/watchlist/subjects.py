"""*List*: search for subjects, and one subject with orders, photographs and history; and its look-alikes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS
from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.watchlist import (
    MAX_SEARCH_TEXT,
    ListedSubject,
    LookalikeJudgement,
    WatchlistFilter,
    WatchlistProblem,
)
from cekalwatch.office.client.refusals import error_reason, explain

PAGE_SIZE: Final = 25
SEARCH_S: Final = 5.0
"""How long a page continues to search while it is not full."""
_UNKNOWN: Final = "SUBJECT_NOT_FOUND"


def search(visit: RequestContext) -> Response:
    """Show a page of subjects, by key: the person's last search in this session."""
    wanted, day = _wanted(visit.signed_in.list_search), visit.signed_in.list_search.get("day", "")
    problem = ""
    if day and not _is_day(day):
        problem = visit.texts.say("DATE_WRONG")
    found, token = ([], "") if problem else _found(visit, wanted, day)
    return visit.page_with_pictures(
        "list.html",
        subjects=found,
        token=token,
        later=bool(visit.query("page")),
        page_size=PAGE_SIZE,
        wanted=wanted,
        day=day,
        problem=problem,
        statuses=list(OrderStatus),
        kinds=list(OrderKind),
        problems=list(WatchlistProblem),
        max_text=MAX_SEARCH_TEXT,
    )


def _found(visit: RequestContext, wanted: WatchlistFilter, day: str) -> tuple[list[ListedSubject], str]:
    """Return a page of subjects, and the token of the next one; the first search of a long list takes several calls."""
    end = time.monotonic() + SEARCH_S
    found, token = visit.subjects.page(wanted, day, PAGE_SIZE, visit.query("page"))
    while token and len(found) < PAGE_SIZE and time.monotonic() < end:
        more, token = visit.subjects.page(wanted, day, PAGE_SIZE - len(found), token)
        found += more
    return found, token


def look_for(visit: RequestContext) -> Response:
    """Remember the person's search: a name in an address would stay in the browser's history."""
    _remember(visit)
    return visit.to("/list")


def look_for_unrecognisable(visit: RequestContext) -> Response:
    """Search for the people with an order in force who cannot be recognised."""
    visit.signed_in.list_search = {"status": OrderStatus.ACTIVE, "problem": WatchlistProblem.NO_REFERENCE}
    return visit.to("/list")


def look_again(visit: RequestContext, _: str) -> Response:
    """Show the search of the ended session: a search changes nothing."""
    _remember(visit)
    return search(visit)


def _remember(visit: RequestContext) -> None:
    names = () if visit.form.get("all") else ("text", "agency", "status", "kind", "problem", "day")
    typed = {name: " ".join(visit.form.get(name, "").split())[:MAX_SEARCH_TEXT] for name in names}
    visit.signed_in.list_search = {name: "".join(filter(str.isprintable, value)) for name, value in typed.items()}


def show(visit: RequestContext) -> Response:
    subject = find(visit, visit.query("key"))
    return visit.page_with_pictures("subject.html", subject=subject) if subject else missing(visit)


def history(visit: RequestContext) -> Response:
    """Show what happened to a subject and its orders, even of a deleted subject."""
    key = visit.query("key")
    try:
        found = visit.subjects.history(key)
    except grpc.RpcError as error:
        if error_reason(error) != _UNKNOWN:
            raise
        return missing(visit)
    return visit.page("subject_history.html", key=key, history=found)


def photograph(visit: RequestContext) -> Response:
    """Show one photograph large, and nothing else of the subject than its name and the photograph's facts."""
    key, reference = visit.query("key"), visit.query("reference")
    subject = find(visit, key, pictures=(reference,))
    faces = subject.references if subject else ()
    found = next(((at, one) for at, one in enumerate(faces, 1) if one.reference_id == reference), None)
    if subject is None or found is None or not found[1].jpeg:
        return missing(visit)
    number, face = found
    words = visit.texts.say("REFERENCE_PICTURE", number=number, count=len(faces))
    return visit.page_with_pictures("photograph.html", subject=subject, face=face, jpeg=face.jpeg, words=words)


def picture(visit: RequestContext) -> Response:
    """Return the picture of a reference face; it is fetched each time, and the server records that."""
    try:
        jpeg = visit.subjects.picture(visit.query("key"), visit.query("reference"))
    except grpc.RpcError as error:
        if error_reason(error) != _UNKNOWN:
            raise
        jpeg = b""
    return Response(jpeg, media_type="image/jpeg") if jpeg else Response(status_code=HTTPStatus.NOT_FOUND)


def find(visit: RequestContext, key: str, pictures: Sequence[str] = ()) -> ListedSubject | None:
    """Return a subject with these pictures, or those of its best photographs; None when there is none with this key."""
    try:
        return visit.subjects.one(key, pictures)
    except grpc.RpcError as error:
        if error_reason(error) != _UNKNOWN:
            raise
        return None


def missing(visit: RequestContext) -> Response:
    """Answer that the subject does not exist."""
    return visit.problem(visit.texts.say("NO_SUCH_SUBJECT"), HTTPStatus.NOT_FOUND)


def _wanted(fields: dict[str, str]) -> WatchlistFilter:
    status, kind, problem = (fields.get(name, "") for name in ("status", "kind", "problem"))
    return WatchlistFilter(
        text=fields.get("text", ""),
        agency=fields.get("agency", ""),
        status=OrderStatus(status) if status in set(OrderStatus) else None,
        kind=OrderKind(kind) if kind in set(OrderKind) else None,
        problem=WatchlistProblem(problem) if problem in set(WatchlistProblem) else None,
    )


def _is_day(written: str) -> bool:
    try:
        date.fromisoformat(written)
    except ValueError:
        return False
    return True


BESIDE: Final = 3
"""Photographs of each subject that are shown side by side: the best ones."""


def show_lookalikes(visit: RequestContext) -> Response:
    """Show a page of pairs: at first those that are to be judged."""
    asked = visit.query("judgement") if "judgement" in visit.request.query_params else LookalikeJudgement.NOT_JUDGED
    judgement = _judgement(asked)
    of: dict[str, Any] = {"judgement": LOOKALIKE_JUDGEMENTS.number(judgement)} if judgement else {}
    found = visit.ask(watchlist.LIST_LOOK_ALIKES(page_size=PAGE_SIZE, page_token=visit.query("page"), **of))
    return visit.page_with_pictures(
        "lookalike_list.html", found=found, chosen=judgement or "", judgements=list(LookalikeJudgement)
    )


def beside(visit: RequestContext) -> Response:
    """Show two subjects side by side, for a person to find out whether they are one."""
    return _beside(visit, visit.query("key"), visit.query("other"))


def judge(visit: RequestContext) -> Response:
    """Record the judgement of the two. If they changed since the person viewed them, show them again and record
    nothing."""
    key, other = visit.form.get("key", ""), visit.form.get("other", "")
    judgement = _judgement(visit.form.get("judgement", ""))
    if judgement is None:
        return _beside(visit, key, other, visit.texts.say("JUDGE_MISSING"))
    try:
        visit.ask(
            watchlist.JUDGE_LOOK_ALIKES(
                subject_id=key,
                other_subject_id=other,
                judgement=LOOKALIKE_JUDGEMENTS.number(judgement),
                mark=visit.form.get("mark", ""),
            )
        )
    except grpc.RpcError as error:
        return _beside(visit, key, other, explain(error, visit.texts))
    return visit.to(f"/list/look-alikes/pair?{urlencode({'key': key, 'other': other, 'done': 1})}")


def judge_again(visit: RequestContext, problem: str) -> Response:
    """Show the two side by side, not judged yet."""
    return _beside(visit, visit.form.get("key", ""), visit.form.get("other", ""), problem)


def _beside(visit: RequestContext, key: str, other: str, problem: str = "") -> Response:
    one, second = find(visit, key), find(visit, other)
    if one is None or second is None:
        return missing(visit)
    return visit.page_with_pictures(
        "lookalikes.html",
        pair=(one, second),
        lookalike=next((found for found in one.lookalikes if found.subject_id == second.subject.subject_id), None),
        judgements=list(LookalikeJudgement),
        most=BESIDE,
        problem=problem,
        done=bool(visit.query("done")) and not problem,
    )


def _judgement(value: str) -> LookalikeJudgement | None:
    return LookalikeJudgement(value) if value in set(LookalikeJudgement) else None
