"""*Troubles*: what is wrong with cameras, sources and servers, what was, and who has seen it."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from starlette.responses import Response

from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.troubles import may_acknowledge, shown_to

DAYS = 7
MAX_PAST = 200


def show(visit: RequestContext) -> Response:
    """Show what is wrong, and what was in the last days."""
    listed = tuple(islice(visit.troubles.listed(visit.now - timedelta(days=DAYS)), MAX_PAST))
    present = shown_to(visit.person, visit.console.news.troubles, ())
    past = shown_to(visit.person, tuple(one for one in listed if one.ended_at is not None), ())
    own = {one.trouble_id for one in present if may_acknowledge(one, visit.person)}
    return visit.page("troubles.html", present=present, past=past, own=own, days=DAYS)


def acknowledge(visit: RequestContext) -> Response:
    """Record that the person has seen a trouble."""
    visit.troubles.acknowledge(visit.part("trouble_id"))
    return visit.to("/troubles")
