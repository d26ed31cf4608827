"""*System*: versions, model, list, cameras, PCs and servers at a glance."""

from __future__ import annotations

from starlette.responses import Response

from cekalwatch.console.clients.status_client import ask_status
from cekalwatch.console.visit import Visit


def show(visit: Visit) -> Response:
    """Show how the server does."""
    status = ask_status(visit.console.calls, visit.signed_in.token())
    # This console subscribes as officers' PCs do, and is none.
    pcs = [one for one in status.agents if one[0] != visit.console.settings.name]
    return visit.page("system.html", status=status, pcs=pcs)
