"""*Agencies*: the list by which the agencies of orders are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_where_needed
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.agencies import MAX_AGENCY_CODE, MAX_AGENCY_NAME, AgencyChange, ListedAgency
from cekalwatch.office.client.refusals import error_reason, explain


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show all agencies, and the form for a new one with its entered values."""
    found = visit.ask(watchlist.LIST_AGENCIES())
    return visit.page(
        "agencies.html",
        agencies=found.list.agencies,
        of_centre=found.of_centre,
        problem=problem,
        second_name=visit.form.get("second_name", ""),
        **_form(visit.form),
    )


def add(visit: RequestContext) -> Response:
    """Add an agency; a code that is listed is refused, so that nobody replaces an agency unawares."""
    wanted = _entered(visit, visit.form.get("code", "").strip().upper())
    if any(one.code == wanted.code for one in visit.ask(watchlist.LIST_AGENCIES()).list.agencies):
        return show(visit, visit.texts.say("AGENCY_CODE_TAKEN", code=wanted.code))
    asked = watchlist.PUT_AGENCY(AgencyChange(wanted, ""))
    return with_second_where_needed(visit, asked, _done(visit, asked), lambda problem: show(visit, problem))


def show_one(
    visit: RequestContext, problem: str = "", entered: Mapping[str, str] | None = None, *, removing: bool = False
) -> Response:
    """Show one agency in a form of its names, or of the entered ones."""
    found = visit.ask(watchlist.LIST_AGENCIES())
    agency = next((one for one in found.list.agencies if one.code == visit.part("code")), None)
    if agency is None:
        return visit.problem(visit.texts.say("REFUSED_AGENCY_NOT_FOUND"), HTTPStatus.NOT_FOUND)
    if visit.signed and not removing:
        entered = visit.form
    form = entered or {"name": agency.name, "other_names": "\n".join(agency.other_names)}
    values = {"agency": agency, "of_centre": found.of_centre, "problem": problem, "removing": removing}
    return visit.page("agency.html", second_name=visit.form.get("second_name", ""), **values, **_form(form))


def change(visit: RequestContext) -> Response:
    asked = watchlist.PUT_AGENCY(AgencyChange(_entered(visit, visit.part("code")), visit.form.get("seen_mark", "")))

    def done(word: str) -> Response:
        try:
            return _done(visit, asked)(word)
        except grpc.RpcError as error:
            if error_reason(error) != "AGENCY_CHANGED":
                raise
            # The second of two people sees the names of the first one, and not their own.
            return show_one(visit, explain(error, visit.texts))

    return with_second_where_needed(visit, asked, done, lambda problem: show_one(visit, problem, visit.form))


def remove(visit: RequestContext) -> Response:
    asked = watchlist.REMOVE_AGENCY(code=visit.part("code"), seen_mark=visit.form.get("seen_mark", ""))
    return with_second_where_needed(visit, asked, _done(visit, asked), lambda problem: show_removal(visit, problem))


def show_removal(visit: RequestContext, problem: str = "") -> Response:
    """Show one agency whose removal is not done yet."""
    return show_one(visit, problem, removing=True)


def _done(visit: RequestContext, asked: Asked[object]) -> Callable[[str], Response]:
    def done(word: str) -> Response:
        visit.ask(asked, word)
        return visit.to("/list/agencies")

    return done


def _entered(visit: RequestContext, code: str) -> ListedAgency:
    others = tuple(filter(None, map(str.strip, visit.form.get("other_names", "").splitlines())))
    return ListedAgency(code, visit.form.get("name", "").strip(), others)


def _form(form: Mapping[str, str]) -> dict[str, object]:
    return {"form": form, "max_code": MAX_AGENCY_CODE, "max_name": MAX_AGENCY_NAME}
