"""*Cameras*: state and history of each camera of the site, its policy, its present picture, and its surveys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Any

import grpc
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_where_needed
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import devices
from cekalwatch.contract.codec.camera_service import CHANGES
from cekalwatch.contract.values.alarms import Alarm
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.contract.values.capture_policy import DIGITS, POLICY_BOUNDS, WHOLE, CameraPolicy, CapturePolicyChanges
from cekalwatch.contract.values.people import KEEPS_DEVICES
from cekalwatch.contract.values.status import CameraStatus
from cekalwatch.office.client.refusals import error_reason, explain

DAYS = 7
MAX_ALARMS = 200
MAX_DIGITS = 9
MAX_READ = 2000
"""Alarms of all kinds that are searched for those of a camera."""


def show(visit: RequestContext) -> Response:
    """Show the cameras, those with an alarm first."""
    cameras = sorted(_cameras(visit), key=lambda one: (not one.unwell, one.camera.site, one.camera.camera_id))
    return visit.page("cameras.html", cameras=cameras)


def show_one(visit: RequestContext) -> Response:
    """Show one camera, with its alarms of the last days."""
    camera = _find(visit)
    return _one(visit, camera) if camera else _missing(visit)


def set_policy(visit: RequestContext) -> Response:
    """Set a camera's policy: the entered values, the previous ones, or those of the settings."""
    camera = _find(visit)
    if camera is None:
        return _missing(visit)
    key, number = camera.camera.camera_id, visit.form.get("number", "")
    try:
        known = visit.ask(devices.GET_CAMERA_POLICY(camera_id=key))
    except grpc.RpcError as error:
        return _one(visit, camera, explain(error, visit.texts), visit.form)
    if visit.form.get("wanted") == "before":
        changes: CapturePolicyChanges | None = known.before
    else:
        changes = _typed(visit, known)
    if changes is None or not number.isdecimal() or len(number) > MAX_DIGITS:
        return _one(visit, camera, visit.texts.say("REFUSED_POLICY_OUT_OF_BOUNDS"), visit.form)
    asked = devices.SET_CAMERA_POLICY(camera_id=key, changes=CHANGES.write(changes), number=int(number))

    def done(word: str) -> Response:
        try:
            visit.ask(asked, word)
        except grpc.RpcError as error:
            if error_reason(error) != "POLICY_CHANGED":
                raise
            # The second of two people sees the values of the first one, and not their own.
            return _one(visit, camera, explain(error, visit.texts), {})
        return visit.to(f"/cameras/{key}")

    return with_second_where_needed(visit, asked, done, lambda problem: _one(visit, camera, problem, visit.form))


def show_picture(visit: RequestContext) -> Response:
    """Show one camera with its present picture; the server records who requested it."""
    camera = _find(visit)
    if camera is None:
        return _missing(visit)
    try:
        picture = visit.cameras.picture(camera.camera.camera_id)
    except grpc.RpcError as error:
        return _one(visit, camera, explain(error, visit.texts))
    return _one(visit, camera, picture=picture)


def show_again(visit: RequestContext, problem: str = "") -> Response:
    """Show a camera with the figures that were typed."""
    camera = _find(visit)
    return _one(visit, camera, problem, visit.form) if camera else _missing(visit)


def _typed(visit: RequestContext, known: CameraPolicy) -> CapturePolicyChanges | None:
    """Return the difference between the entered values and the settings; None for a value that is not a number, or out
    of bounds."""
    found: dict[str, Any] = {}
    for name, (least, most) in POLICY_BOUNDS.items():
        text, of_settings = visit.form.get(name, "").strip(), getattr(known.of_settings, name)
        try:
            value = round(float(text), DIGITS) if text else of_settings
        except ValueError:
            return None
        if value == of_settings:
            continue
        if not least <= value <= most or (name in WHOLE and value != int(value)):
            return None
        found[name] = value
    return CapturePolicyChanges(**found)


def _one(
    visit: RequestContext,
    camera: CameraStatus,
    problem: str = "",
    typed: Mapping[str, str] = MappingProxyType({}),
    picture: TakenPicture | None = None,
) -> Response:
    policy = (
        visit.ask(devices.GET_CAMERA_POLICY(camera_id=camera.camera.camera_id)) if visit.has(KEEPS_DEVICES) else None
    )
    return (visit.page_with_pictures if picture else visit.page)(
        "camera.html",
        camera=camera,
        alarms=_alarms(visit, camera),
        days=DAYS,
        policy=policy,
        bounds=POLICY_BOUNDS,
        whole=WHOLE,
        problem=problem,
        form=typed,
        before=visit.form.get("wanted") == "before",
        second_name=visit.form.get("second_name", ""),
        surveys=visit.ask(devices.LIST_SURVEYS(camera_id=camera.camera.camera_id)),
        picture=picture,
    )


def _find(visit: RequestContext) -> CameraStatus | None:
    return next((one for one in _cameras(visit) if one.camera.camera_id == visit.part("camera_id")), None)


def _missing(visit: RequestContext) -> Response:
    return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)


def _cameras(visit: RequestContext) -> list[CameraStatus]:
    """Return the cameras of the person's sites."""
    status = visit.status()
    return [one for one in status.cameras if one.camera.site in visit.person.sites]


def _alarms(visit: RequestContext, camera: CameraStatus) -> list[Alarm]:
    """Return past and present alarms of a camera, newest first."""
    listed = islice(visit.alarms.listed(visit.now - timedelta(days=DAYS)), MAX_READ)
    return list(islice((one for one in listed if one.about == camera.camera.camera_id), MAX_ALARMS))
