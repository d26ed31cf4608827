"""*Wall*: a tile for each counter, for a screen that supervisors have before their eyes; it updates itself.

As a screen of its own it has a session that shows and does nothing else, and goes on when its person's is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.alerts import STEPS
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.calls import operations
from cekalwatch.contract.values.adjudication import Step
from cekalwatch.contract.values.alarms import Alarm, AlarmKind, shown_to
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.status import CounterStatus
from cekalwatch.office.alerts import Options, options
from cekalwatch.office.urgency import most_urgent_first


@dataclass(frozen=True)
class WallTile:
    """A counter with its open alerts and alarms, the most urgent first."""

    status: CounterStatus
    alerts: tuple[Alert, ...]
    alarms: tuple[Alarm, ...]

    @property
    def told_without_pc(self) -> bool:
        """Whether an alarm says that no PC would ring here."""
        return any(one.kind is AlarmKind.COUNTER_WITHOUT_PC for one in self.alarms)

    @classmethod
    def of(cls, status: CounterStatus, alerts: Iterable[Alert], alarms: Iterable[Alarm]) -> WallTile:
        cameras = {one.camera.camera_id for one in status.cameras}
        here = (status.site, status.counter)
        return cls(
            status,
            tuple(one for one in alerts if (one.place.site, one.place.counter) == here),
            tuple(one for one in alarms if one.about in cameras or (one.site, one.counter) == here),
        )


@dataclass(frozen=True)
class CalledAlert:
    """An alert that has come to the supervisors, and what the viewer can do about it here."""

    alert: Alert
    options: Options

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of its page that the viewer can take now."""
        return tuple(one for one in STEPS if one in self.options.steps and self.options.steps[one] is None)


def show(visit: RequestContext) -> Response:
    return visit.page_with_pictures("wall.html", **_values(visit, anew=True))


def part(visit: RequestContext) -> Response:
    """Show the part of it that changes."""
    return visit.page("wall_part.html", **_values(visit, anew=False))


def picture(visit: RequestContext) -> Response:
    """Return the coarse picture of a camera, in which nobody is recognised; nothing while it gives none."""
    try:
        taken = visit.cameras.picture(visit.part("camera_id"), watched=True)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(taken.jpeg, media_type="image/jpeg")


def begin_screen(visit: RequestContext) -> Response:
    """Begin a wall in this browser, in place of an earlier one; the person's own session goes on as it is."""
    console, request = visit.console, visit.request
    if former := console.walls.find(request.cookies.get(console.wall_cookie, ""), used=False):
        console.end(former)
    person, token = visit.sessions.begin_wall()
    secret, removed = console.walls.begin(WebSession(person, visit.signed_in.name), token)
    for one in removed:
        console.end(one)
    response = visit.to("/wall/screen")
    console.set_session_cookie(response, secret, wall=True)
    return response


def screen(visit: RequestContext) -> Response:
    """Show the wall as a screen of its own."""
    return visit.page("wall_screen.html", **_screen_values(visit))


def screen_part(visit: RequestContext) -> Response:
    """Show the part of it that changes."""
    return visit.page("wall_screen_part.html", **_screen_values(visit))


def end_screen(visit: RequestContext) -> Response:
    """End the wall: whoever stands before it may."""
    visit.console.end(visit.signed_in)
    response = visit.to("/sign-in?after=/wall")
    visit.console.set_session_cookie(response, "", wall=True)
    return response


def _screen_values(visit: RequestContext) -> dict[str, object]:
    """Return counters and alarms; of alerts only how many wait at each counter."""
    alarms = shown_to(visit.person, visit.console.news.alarms, ())
    tiles = [WallTile.of(one, (), alarms) for one in visit.ask(operations.LIST_COUNTERS())]
    return {"tiles": tiles, "alarms": [one for one in alarms if not any(one in tile.alarms for tile in tiles)]}


def _values(visit: RequestContext, *, anew: bool) -> dict[str, object]:
    own, client, heard = visit.signed_in.open_alerts, visit.alerts, visit.console.news.position
    shown = own.list_all(client, heard) if anew else own.renew(client, heard)
    alerts = sorted(shown.alerts, key=most_urgent_first)
    alarms = shown_to(visit.person, visit.console.news.alarms, ())
    tiles = [WallTile.of(one, alerts, alarms) for one in visit.ask(operations.LIST_COUNTERS())]
    return {
        "tiles": tiles,
        "called": _called(visit, alerts),
        "alerts": alerts,
        "more": shown.more,
        "alarms": [one for one in alarms if not any(one in tile.alarms for tile in tiles)],
    }


def _called(visit: RequestContext, alerts: Sequence[Alert]) -> list[CalledAlert]:
    agent = visit.console.settings.name
    return [CalledAlert(one, options(one, visit.person, agent)) for one in alerts if one.escalated or one.pending]
