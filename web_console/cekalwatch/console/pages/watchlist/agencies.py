"""*Agencies*: the list by which the agencies of orders are compared."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.values.agencies import MAX_AGENCY_CODE, MAX_AGENCY_NAME, AgencyChange, ListedAgency
from cekalwatch.office.client.refusals import error_reason, explain


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show all agencies, and the form for a new one with its entered values."""
    found = visit.ask(watchlist.LIST_AGENCIES())
    return visit.page(
        "agencies.html", agencies=found.list.agencies, of_centre=found.of_centre, problem=problem, **_form(visit.form)
    )


def add(visit: RequestContext) -> Response:
    """Add an agency; a code that is listed is refused, so that nobody replaces an agency unawares."""
    wanted = _entered(visit, visit.form.get("code", "").strip().upper())
    if any(one.code == wanted.code for one in visit.ask(watchlist.LIST_AGENCIES()).list.agencies):
        return show(visit, visit.texts.say("AGENCY_CODE_TAKEN", code=wanted.code))
    try:
        visit.ask(watchlist.PUT_AGENCY(AgencyChange(wanted, "")))
    except grpc.RpcError as error:
        return show(visit, explain(error, visit.texts))
    return visit.to("/list/agencies")


def show_one(visit: RequestContext, problem: str = "", entered: Mapping[str, str] | None = None) -> Response:
    """Show one agency in a form of its names, or of the entered ones."""
    found = visit.ask(watchlist.LIST_AGENCIES())
    agency = next((one for one in found.list.agencies if one.code == visit.part("code")), None)
    if agency is None:
        return visit.problem(visit.texts.say("REFUSED_AGENCY_NOT_FOUND"), HTTPStatus.NOT_FOUND)
    form = entered or {"name": agency.name, "other_names": "\n".join(agency.other_names)}
    return visit.page("agency.html", agency=agency, of_centre=found.of_centre, problem=problem, **_form(form))


def change(visit: RequestContext) -> Response:
    try:
        changed = AgencyChange(_entered(visit, visit.part("code")), visit.form.get("seen_mark", ""))
        visit.ask(watchlist.PUT_AGENCY(changed))
    except grpc.RpcError as error:
        # The second of two people sees the names of the first one, and not their own.
        entered = None if error_reason(error) == "AGENCY_CHANGED" else visit.form
        return show_one(visit, explain(error, visit.texts), entered)
    return visit.to("/list/agencies")


def remove(visit: RequestContext) -> Response:
    try:
        visit.ask(watchlist.REMOVE_AGENCY(code=visit.part("code"), seen_mark=visit.form.get("seen_mark", "")))
    except grpc.RpcError as error:
        return show_one(visit, explain(error, visit.texts))
    return visit.to("/list/agencies")


def _entered(visit: RequestContext, code: str) -> ListedAgency:
    others = tuple(filter(None, map(str.strip, visit.form.get("other_names", "").splitlines())))
    return ListedAgency(code, visit.form.get("name", "").strip(), others)


def _form(form: Mapping[str, str]) -> dict[str, object]:
    return {"form": form, "max_code": MAX_AGENCY_CODE, "max_name": MAX_AGENCY_NAME}
