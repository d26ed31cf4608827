"""*Now*: what is open, who has it, and what is wrong; it renews itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from cekalwatch.console.visit import Visit
from cekalwatch.office.model.alert import Alert, AlertSearch
from cekalwatch.office.model.trouble import Trouble, shown_to
from cekalwatch.wire.vocabulary.adjudication import OPEN_STATES, PENDING, AlertState
from cekalwatch.wire.vocabulary.people import SEES_ALERTS
from cekalwatch.wire.vocabulary.troubles import SEES_TROUBLES

MAX_SHOWN = 100
NEWS_PERIOD_S = 0.5
"""Pages are told of news so often at most: what comes meanwhile is one."""
ALIVE_S = 10.0


def show(visit: Visit) -> Response:
    """Show the page."""
    return visit.page("now.html", **_values(visit))


def part(visit: Visit) -> Response:
    """Show what changes of it."""
    return visit.page("now_part.html", **_values(visit))


async def news(visit: Visit) -> Response:
    """Tell the browser each time something changed, until its person signs out or goes."""
    return StreamingResponse(_news(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _news(visit: Visit) -> AsyncIterator[str]:
    known = visit.console.news.count
    while visit.signed_in.token():
        count = await visit.console.news.after(known, ALIVE_S)
        if not visit.console.is_open(visit.signed_in):
            return
        yield f"event: changed\ndata: {count}\n\n" if count != known else ": alive\n\n"
        known = count
        await asyncio.sleep(NEWS_PERIOD_S)


def _values(visit: Visit) -> dict[str, object]:
    alerts: list[Alert] = []
    more = False
    if visit.has(SEES_ALERTS):
        alerts, token = visit.alerts.page(AlertSearch(OPEN_STATES), MAX_SHOWN)
        more = bool(token)
        alerts.sort(key=_urgency)
    troubles: tuple[Trouble, ...] = ()
    if visit.has(SEES_TROUBLES):
        known = visit.console.news.troubles
        troubles = shown_to(visit.person, known, ())
    return {
        "alerts": alerts,
        "more": more,
        "troubles": troubles,
        "sees_alerts": visit.has(SEES_ALERTS),
        "sees_troubles": visit.has(SEES_TROUBLES),
        "news": visit.console.news,
    }


def _urgency(alert: Alert) -> tuple[int, float]:
    """What needs a person comes first: what nobody has claimed, then what a supervisor has to settle; oldest first."""
    if alert.state is AlertState.NEW:
        rank = 0
    elif alert.state in PENDING:
        rank = 1
    else:
        rank = 2 if alert.state is AlertState.CLAIMED else 3
    return rank, alert.raised_at.timestamp()
