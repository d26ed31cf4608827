"""The gateway's application, with the document of its interface, which is made from the types."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from cekalwatch.gateway.gateway import Gateway
from cekalwatch.gateway.messages import Acknowledgement, Problem
from cekalwatch.gateway.problems import MEDIA_TYPE, tell_problems
from cekalwatch.gateway.routes import router
from cekalwatch.program.measures import UNMEASURED

_CODES: Final = (400, 401, 403, 404, 405, 409, 411, 413, 422, 429, 500, 503)
_PROBLEM: Final[dict[str, Any]] = {
    "description": "A problem (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        # FastAPI writes the bounds of a body as floats.
        own = {one.__name__: one.model_json_schema() for one in (Problem, Acknowledgement)}
        document["components"]["schemas"] |= own
        return document


def create_app(gateway: Gateway | None) -> FastAPI:
    """Return the application; without a gateway it has its document, and cannot serve."""
    app = _Application(
        title="Cekalwatch gateway",
        version="1",
        description="Alerts, states and lists for one other system. An alert is a possible match, and not a hit.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=dict.fromkeys(_CODES, _PROBLEM),
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gateway = gateway
    app.include_router(router)
    tell_problems(app, gateway.measures if gateway else UNMEASURED)
    return app
