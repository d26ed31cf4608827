"""*System*: versions, model, list, cameras, PCs and servers at a glance; *Problems*: what is or was wrong."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.alarms import may_acknowledge, shown_to
from cekalwatch.program.checks.machine import MIN_FREE_BYTES


def show_system(visit: RequestContext) -> Response:
    status = visit.status()
    # This console subscribes like officers' PCs, but is none.
    pcs = [one for one in status.agents if one.agent_id != visit.console.settings.name]
    failing = [(one.name, timedelta(seconds=one.failing_s)) for one in status.loops if one.failing_s is not None]
    keep = status.maintenance
    disk_low = keep is not None and keep.disk_bytes > 0 and keep.disk_free_bytes < MIN_FREE_BYTES
    return visit.page("system.html", status=status, pcs=pcs, failing=failing, keep=keep, disk_low=disk_low)


DAYS = 7
MAX_PAST = 200


def show_problems(visit: RequestContext) -> Response:
    """Show present alarms, and those of the last days."""
    listed = tuple(islice(visit.alarms.listed(visit.now - timedelta(days=DAYS)), MAX_PAST))
    present = shown_to(visit.person, visit.console.news.alarms, ())
    past = shown_to(visit.person, tuple(one for one in listed if one.ended_at is not None), ())
    own = {one.alarm_id for one in present if may_acknowledge(one, visit.person)}
    return visit.page("alarms.html", present=present, past=past, own=own, days=DAYS)


def acknowledge(visit: RequestContext) -> Response:
    """Record that the person acknowledges an alarm."""
    visit.alarms.acknowledge(visit.part("trouble_id"))
    return visit.to("/troubles")
