"""*Ports*: ports with servers of their own, and their alerts, which are decided there; pictures come when asked for."""

from __future__ import annotations

from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import ports as calls
from cekalwatch.contract.values.adjudication import OPEN_STATES, AlertState
from cekalwatch.contract.values.alerts import AlertPictures
from cekalwatch.office.client.refusals import explain

PAGE_SIZE: Final = 50
_STATES: Final = {"open": OPEN_STATES, "settled": frozenset(AlertState) - OPEN_STATES}


def show(visit: RequestContext) -> Response:
    """Show how the ports do, and a page of their alerts, newest first."""
    site, chosen = visit.query("site"), visit.query("state")
    ports = visit.ask(calls.LIST_PORTS())
    sites = sorted({one.site for one in ports})
    site = site if site in sites else ""
    found, token = visit.ports.alerts(site, _STATES.get(chosen, frozenset()), PAGE_SIZE, visit.query("page"))
    return visit.page("ports.html", ports=ports, sites=sites, site=site, chosen=chosen, found=found, token=token)


def show_alert(visit: RequestContext) -> Response:
    """Show one alert of a port, without its pictures."""
    return _show(visit, None)


def show_pictures(visit: RequestContext) -> Response:
    """Show the alert with its pictures, which come from the port; both servers record who opened them."""
    try:
        pictures = visit.ports.pictures(*_key(visit))
    except grpc.RpcError as error:
        return _show(visit, None, explain(error, visit.texts))
    return _show(visit, pictures)


def _show(visit: RequestContext, pictures: AlertPictures | None, problem: str = "") -> Response:
    one = visit.ports.alert(*_key(visit))
    faces = [pictures.probe, *pictures.reference_jpegs] if pictures else []
    return visit.page_with_pictures(
        "port_alert.html",
        one=one,
        alert=one.alert,
        asked=pictures is not None,
        # In the page itself: each request for a picture would be one more view of it, here and at the port.
        faces=faces,
        problem=problem,
    )


def _key(visit: RequestContext) -> tuple[str, str, str]:
    return visit.part("site"), visit.part("port"), visit.part("alert_id")
