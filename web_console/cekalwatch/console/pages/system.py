"""*System*: versions, model, list, cameras, PCs and servers at a glance."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from cekalwatch.console.clients.operations_client import ask_status
from cekalwatch.console.request_context import RequestContext
from cekalwatch.program.checks.machine import MIN_FREE_BYTES


def show(visit: RequestContext) -> Response:
    """Show how the server does."""
    status = ask_status(visit.console.calls, visit.signed_in.token())
    # This console subscribes as officers' PCs do, and is none.
    pcs = [one for one in status.agents if one.agent_id != visit.console.settings.name]
    failing = [(one.name, timedelta(seconds=one.failing_s)) for one in status.loops if one.failing_s is not None]
    keep = status.maintenance
    disk_low = keep is not None and keep.disk_bytes > 0 and keep.disk_free_bytes < MIN_FREE_BYTES
    return visit.page("system.html", status=status, pcs=pcs, failing=failing, keep=keep, disk_low=disk_low)
