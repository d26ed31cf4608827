"""*List*, synchronisation: how it stands, what each run refused, and a shrunken list that two people accept."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.second_person import with_second_person
from cekalwatch.console.visit import Visit
from cekalwatch.office.client.refusals import explain

PAGE_SIZE: Final = 20
MAX_DIGITS: Final = 19


def show(visit: Visit) -> Response:
    """Show how it stands, and the runs, newest first."""
    return _show(visit)


def part(visit: Visit) -> Response:
    """Show what changes while a run is under way."""
    return visit.page("sync_part.html", **_values(visit))


def show_run(visit: Visit) -> Response:
    """Show one run with what it refused."""
    wanted = visit.part("run_id")
    run = visit.syncs.run(int(wanted)) if wanted.isdecimal() and len(wanted) < len(str(2**63)) else None
    if run is None:
        return visit.problem(visit.texts.say("SYNC_RUN_UNKNOWN"), HTTPStatus.NOT_FOUND)
    return visit.page("sync_run.html", run=run)


def start(visit: Visit) -> Response:
    """Begin a run."""
    try:
        visit.syncs.start(from_start=bool(visit.form.get("from_start")))
    except grpc.RpcError as error:
        return _show(visit, explain(error, visit.texts))
    return visit.to("/list/sync")


def accept(visit: Visit) -> Response:
    """Let two people accept a shrunken list; the second one proves each time who they are."""
    run_id = visit.form.get("run_id", "")
    wanted = visit.syncs.acceptance(int(run_id) if run_id.isdecimal() and len(run_id) < MAX_DIGITS else 0)

    def accepted(word: str) -> Response:
        visit.syncs.accept(wanted, word)
        return visit.to("/list/sync")

    return with_second_person(visit, wanted, accepted, lambda problem: _show(visit, problem))


def show_again(visit: Visit, problem: str) -> Response:
    """Show the form as it was filled in."""
    return _show(visit, problem)


def _show(visit: Visit, problem: str = "") -> Response:
    code = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
    return visit.page(
        "sync.html", code, problem=problem, second_name=visit.form.get("second_name", ""), **_values(visit)
    )


def _values(visit: Visit) -> dict[str, object]:
    runs, token = visit.syncs.runs(PAGE_SIZE, visit.query("page"))
    return {"status": visit.syncs.status(), "runs": runs, "token": token}
