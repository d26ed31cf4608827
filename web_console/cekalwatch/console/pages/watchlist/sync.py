"""*List*, synchronisation: how it stands, what each run refused, and a shrunken list that two people accept."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.session import MAX_NAME, MAX_PASSWORD
from cekalwatch.console.visit import Visit
from cekalwatch.office.client.refusals import explain

PAGE_SIZE: Final = 20


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
    """Let two people accept a shrunken list; the second one's password is asked for each time."""
    run_id, name, password = (visit.form.get(field, "") for field in ("run_id", "second_name", "second_password"))
    if not (0 < len(name.strip()) <= MAX_NAME and 0 < len(password) <= MAX_PASSWORD):
        return _show(visit, visit.texts.say("REFUSED_SIGN_IN_REFUSED"))
    try:
        visit.syncs.accept(int(run_id) if run_id.isdecimal() and len(run_id) < PAGE_SIZE else 0, name.strip(), password)
    except grpc.RpcError as error:
        return _show(visit, explain(error, visit.texts))
    return visit.to("/list/sync")


def _show(visit: Visit, problem: str = "") -> Response:
    code = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
    return visit.page(
        "sync.html", code, problem=problem, second_name=visit.form.get("second_name", ""), **_values(visit)
    )


def _values(visit: Visit) -> dict[str, object]:
    runs, token = visit.syncs.runs(PAGE_SIZE, visit.query("page"))
    return {"status": visit.syncs.status(), "runs": runs, "token": token}
