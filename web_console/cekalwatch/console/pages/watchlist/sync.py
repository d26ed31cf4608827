"""*List*, synchronisation: its state, the refusals of each run, and the acceptance of a shrunken list by two people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.office.client.refusals import explain

PAGE_SIZE: Final = 20
MAX_DIGITS: Final = 19
_MAX_RUN_ID: Final = 2**63 - 2
UNDER_WAY: Final = "running"
SHRUNKEN: Final = "shrunken"


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show the state of synchronisation, and the runs, newest first."""
    return visit.page("sync.html", problem=problem, second_name=visit.form.get("second_name", ""), **_values(visit))


def part(visit: RequestContext) -> Response:
    """Show the part that changes during a run; the whole page is shown again when it offers something else."""
    values, shown = _values(visit), visit.query("shown")
    response = visit.page("sync_part.html", **values)
    # Where a shrunken list waits, a password may be half typed.
    if "shown" in visit.request.query_params and shown != values["offers"] and not shown.startswith(SHRUNKEN):
        response.headers["HX-Refresh"] = "true"
    return response


def show_run(visit: RequestContext) -> Response:
    wanted = visit.part("run_id")
    run = _run(visit, int(wanted)) if wanted.isdecimal() and len(wanted) < len(str(2**63)) else None
    if run is None:
        return visit.problem(visit.texts.say("SYNC_RUN_UNKNOWN"), HTTPStatus.NOT_FOUND)
    return visit.page("sync_run.html", run=run)


def _run(visit: RequestContext, run_id: int) -> SyncRun | None:
    """Return one run; None when it is no longer stored."""
    if not 0 < run_id <= _MAX_RUN_ID:
        return None
    found, _ = visit.ask(watchlist.LIST_SYNC_RUNS(page_size=1, page_token=str(run_id + 1)))
    return next((one for one in found if one.run_id == run_id), None)


def start(visit: RequestContext) -> Response:
    try:
        visit.ask(watchlist.SYNC_NOW(from_start=bool(visit.form.get("from_start"))))
    except grpc.RpcError as error:
        return show(visit, explain(error, visit.texts))
    return visit.to("/list/sync")


def accept(visit: RequestContext) -> Response:
    """Let two people accept a shrunken list; the second one proves each time who they are."""
    run_id = visit.form.get("run_id", "")
    number = int(run_id) if run_id.isdecimal() and len(run_id) < MAX_DIGITS else 0
    wanted = watchlist.ACCEPT_SHRUNKEN_LIST(run_id=number)

    def accepted(word: str) -> Response:
        visit.ask(wanted, word)
        return visit.to("/list/sync")

    return with_second_person(visit, wanted, accepted, lambda problem: show(visit, problem))


def _values(visit: RequestContext) -> dict[str, object]:
    runs, token = visit.ask(watchlist.LIST_SYNC_RUNS(page_size=PAGE_SIZE, page_token=visit.query("page")))
    status = visit.ask(watchlist.GET_SYNC_STATUS())
    offers = UNDER_WAY if status.running else f"{SHRUNKEN}-{status.waiting.run_id}" if status.waiting else ""
    return {"status": status, "runs": runs, "token": token, "offers": offers}
