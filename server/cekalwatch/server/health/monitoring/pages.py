"""The pages of the listener: `/metrics` for Prometheus, `/healthz` for a load balancer, and `/` for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

import jinja2
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from cekalwatch.program.translations import Language, Texts
from cekalwatch.server.health.monitoring.collector import MonitoredServer
from cekalwatch.server.health.monitoring.listener import Request, Response
from cekalwatch.server.watchlist.freshness import BY_HAND

KEPT_S = 1.0
"""Time for which a response is reused: the server makes one a second, for any number of requests."""
PACKAGE = "cekalwatch.server"


class MonitoringPages:
    """Answers requests; one thread uses it."""

    def __init__(
        self,
        server: MonitoredServer,
        registry: CollectorRegistry,
        zone: tzinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Times on the page are those of `zone`."""
        self._server = server
        self._registry = registry
        self._zone = zone
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, Response]] = {}

    def answer(self, request: Request) -> Response:
        """Return the answer."""
        try:
            asked = urlsplit(request.target)
            chosen = parse_qs(asked.query, max_num_fields=8).get("lang", [""])[-1]
        except ValueError:
            return Response.text(HTTPStatus.BAD_REQUEST, "this is no address")
        match asked.path:
            case "/metrics":
                return self._once("metrics", self._metrics)
            case "/healthz":
                return self._health()
            case "/":
                language = _language(chosen or request.headers.get("accept-language", ""))
                return self._once(language, lambda: self._page(language))
        return Response.text(HTTPStatus.NOT_FOUND, "there are /, /metrics and /healthz")

    def _once(self, name: str, make: Callable[[], Response]) -> Response:
        now_s = self._monotonic()
        made_s, response = self._kept.get(name, (float("-inf"), None))
        if response is None or now_s - made_s >= KEPT_S:
            response = make()
            self._kept[name] = now_s, response
        return response

    def _metrics(self) -> Response:
        return Response(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))

    def _health(self) -> Response:
        if faults := self._server.faults():
            return Response.text(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(faults.values()))
        return Response.text(HTTPStatus.OK, "SERVING")

    def _page(self, language: Language) -> Response:
        figures = self._server.figures

        def local(moment: datetime | None) -> str:
            return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z") if moment else "–"

        html = _template().render(
            texts=Texts(PACKAGE, language),
            other=next(one for one in Language if one is not language),
            status=self._server.now(),
            faults=self._server.faults(),
            figures=figures.newest,
            current=figures.current is not None,
            by_hand=BY_HAND,
            local=local,
        )
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", html.encode())


def _language(wanted: str) -> Language:
    """Return the first requested language that is known; Indonesian when there is none."""
    asked = [part.strip()[:2].lower() for part in wanted.split(",")]
    found = [one for one in asked if one in set(Language)]
    return Language(found[0]) if found else Language.ID


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string((files(__package__) / "health.html").read_text(encoding="utf-8"))
