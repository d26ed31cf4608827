"""*List*, look-alikes: pairs with similar faces, two subjects side by side, and their judgement."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.watchlist.subjects import find, missing
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.office.client.refusals import explain

PAGE_SIZE: Final = 25
BESIDE: Final = 3
"""Photographs of each subject that are shown side by side: the best ones."""


def show(visit: RequestContext) -> Response:
    """Show a page of pairs: at first those that are to be judged."""
    asked = visit.query("judgement") if "judgement" in visit.request.query_params else LookalikeJudgement.NOT_JUDGED
    judgement = _judgement(asked)
    found = visit.lookalikes.page(judgement, PAGE_SIZE, visit.query("page"))
    return visit.page("lookalike_list.html", found=found, chosen=judgement or "", judgements=list(LookalikeJudgement))


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
        visit.lookalikes.judge(key, other, judgement, visit.form.get("mark", ""))
    except grpc.RpcError as error:
        return _beside(visit, key, other, explain(error, visit.texts))
    return visit.to(f"/list/look-alikes/pair?{urlencode({'key': key, 'other': other, 'done': 1})}")


def show_again(visit: RequestContext, problem: str) -> Response:
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
