"""Small pictures in lists: a page asks for those in sight together, and the server records each call as one view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from cekalwatch.console.console import inline
from cekalwatch.console.request_context import RequestContext

MAX_FACES: Final = 20
"""Most alerts or subjects of one request; the server's bound."""


def of_alerts(visit: RequestContext) -> Response:
    """Return the traveller's face and the photograph beside it, by the alert's key."""
    return _answer({one.alert_id: (one.probe, one.reference) for one in visit.alerts.faces(_asked(visit))})


def of_subjects(visit: RequestContext) -> Response:
    """Return the best photograph, by the subject's key."""
    return _answer({key: (jpeg,) for key, jpeg in visit.subjects.faces(_asked(visit)).items()})


def _asked(visit: RequestContext) -> list[str]:
    return visit.request.query_params.getlist("of")[:MAX_FACES]


def _answer(faces: Mapping[str, Iterable[bytes]]) -> Response:
    return JSONResponse({key: [inline(jpeg) for jpeg in jpegs if jpeg] for key, jpegs in faces.items()})
