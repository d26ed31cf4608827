"""*Figures*: a shift, a day or a month in numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import Response

from cekalwatch.console.visit import Visit
from cekalwatch.office.client.alert_client import day_began

SHIFT = timedelta(hours=8)
SPANS = ("shift", "day", "week", "month")


def show(visit: Visit) -> Response:
    """Show the figures of a span of time that ends now."""
    asked = visit.query("span")
    span = asked if asked in SPANS else SPANS[0]
    start = _begin(span, visit.now.astimezone(visit.texts.zone))
    return visit.page("figures.html", report=visit.alerts.report(start), span=span, spans=SPANS, start=start)


def _begin(span: str, now: datetime) -> datetime:
    match span:
        case "shift":
            return now - SHIFT
        case "day":
            return day_began(now)
        case "week":
            return day_began(now - timedelta(days=6))
        case _:
            return day_began(now).replace(day=1)
