"""*Now*: open alerts, their holders, and alarms; it updates itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import grpc
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from cekalwatch.console.open_alerts import Shown
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.status_summary import SummaryLine, glance_lines
from cekalwatch.contract.calls import people
from cekalwatch.contract.values.alarms import SEES_ALARMS, Alarm, shown_to
from cekalwatch.contract.values.people import KEEPS_SYSTEM, KEEPS_WATCHLIST, SEES_ALERTS
from cekalwatch.office.client.refusals import UNREACHABLE
from cekalwatch.office.urgency import most_urgent_first

NEWS_PERIOD_S = 0.5
"""The shortest time between two messages to a page; news in that time are one message."""
ALIVE_S = 10.0
"""How often the server is asked whether the viewer still has the right."""


def show(visit: RequestContext) -> Response:
    return visit.page_with_pictures("now.html", **_values(visit, anew=True))


def part(visit: RequestContext) -> Response:
    """Show the part of it that changes."""
    return visit.page("now_part.html", **_values(visit, anew=False))


def watch(visit: RequestContext) -> Response:
    """Show the line of every page again, to whoever has a session: it costs no call of the server."""
    if visit.session is None:
        return visit.page("part_signed_out.html", HTTPStatus.UNAUTHORIZED)
    return visit.page("watch.html")


async def news(visit: RequestContext) -> Response:
    """Notify the browser of each change, until its person leaves or loses the right."""
    return StreamingResponse(_news(visit), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _news(visit: RequestContext) -> AsyncIterator[str]:
    with visit.console.news.listening():
        async for one in _changes(visit):
            yield one


async def _changes(visit: RequestContext) -> AsyncIterator[str]:
    news, loop = visit.console.news, asyncio.get_running_loop()
    known, checked_s = news.count, loop.time()
    while visit.console.is_open(visit.signed_in):
        count = await news.after(known, max(0.0, checked_s + ALIVE_S - loop.time()))
        if loop.time() - checked_s >= ALIVE_S:
            if not await run_in_threadpool(_looks_on, visit):
                break
            checked_s = loop.time()
        yield f"event: changed\ndata: {count}\n\n" if count != known else ": alive\n\n"
        known = count
        await asyncio.sleep(NEWS_PERIOD_S)
    # The page asks again, and then shows nothing.
    yield f"event: changed\ndata: {known}\n\n"


def _looks_on(visit: RequestContext) -> bool:
    """Whether the person still has the right; if the server is away, the page says so, and nothing is added."""
    try:
        visit.signed_in.person = visit.ask(people.GET_SESSION())
    except grpc.RpcError as error:
        return error.code() in UNREACHABLE
    return True


def _values(visit: RequestContext, *, anew: bool) -> dict[str, object]:
    shown = Shown((), more=False)
    if visit.has(SEES_ALERTS):
        own, client, heard = visit.signed_in.open_alerts, visit.alerts, visit.console.news.position
        shown = own.list_all(client, heard) if anew else own.renew(client, heard)
    else:
        visit.signed_in.person = visit.ask(people.GET_SESSION())
    alarms: tuple[Alarm, ...] = ()
    if visit.has(SEES_ALARMS):
        known = visit.console.news.alarms
        alarms = shown_to(visit.person, known, ())
    return {
        "alerts": sorted(shown.alerts, key=most_urgent_first),
        "more": shown.more,
        "alarms": alarms,
        "sees_alerts": visit.has(SEES_ALERTS),
        "sees_alarms": visit.has(SEES_ALARMS),
        "news": visit.console.news,
        "keeps_list": visit.has(KEEPS_WATCHLIST),
        "glance": _glance(visit),
    }


def _glance(visit: RequestContext) -> list[SummaryLine]:
    if not visit.has(KEEPS_SYSTEM):
        return []
    session = visit.signed_in
    status = session.glance.status(visit.status, visit.console.news.alarms)
    return glance_lines(status, session.person.sites)
