"""*Devices*: the devices and their last days, invitations, and revocations."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import grpc
import segno
from markupsafe import Markup
from starlette.responses import Response

from cekalwatch.console.pages.signing_in.provider import with_second_where_needed
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import devices as calls
from cekalwatch.contract.codec.devices import ROLES
from cekalwatch.contract.values.devices import DeviceList, DeviceRecord, DeviceToInvite
from cekalwatch.office.client.refusals import explain
from cekalwatch.wire.identity import DeviceRole

INVITED_ROLES = (DeviceRole.CAMERA, DeviceRole.NOTIFIER)
INVITED_MINUTES = (15, 60, 480, 1440)
ACTS = ("cancel", "revoke")


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show the devices, and the form of an invitation with its input."""
    known = visit.ask(calls.LIST_DEVICES())
    role, site = visit.query("role"), visit.query("site")
    shown = [one for one in known.devices if role in {"", one.role} and site in {"", one.site}]
    return visit.page(
        "devices.html",
        devices=shown,
        sites=known.sites,
        roles=[one for one in DeviceRole if any(device.role is one for device in known.devices)],
        role=role,
        site=site,
        cameras=[one for one in known.devices if one.role is DeviceRole.CAMERA and one.ends_at(visit.now) is None],
        counters=_counters(known),
        spans={minutes: timedelta(minutes=minutes) for minutes in INVITED_MINUTES},
        problem=problem,
        form=visit.form,
    )


def invite(visit: RequestContext) -> Response:
    """Invite a device; its invitation is shown once."""
    role = next((one for one in INVITED_ROLES if one == visit.form.get("role")), None)
    if role is None:
        return show(visit, visit.texts.say("REFUSED_DEVICE_INVALID"))
    camera = role is DeviceRole.CAMERA
    site = "" if camera else visit.form.get("site", "")
    name = visit.form.get("camera" if camera else "name", "").strip().lower()
    prefix = f"counter-{site}/"
    counters = tuple(one.removeprefix(prefix) for one in visit.form if one.startswith(prefix) and not camera)
    minutes = next((one for one in INVITED_MINUTES if str(one) == visit.form.get("minutes")), 60)
    try:
        invited = visit.ask(calls.INVITE_DEVICE(DeviceToInvite(role, site, name, counters, minutes)))
    except grpc.RpcError as error:
        return show(visit, explain(error, visit.texts))
    return visit.page("invitation.html", role=role, name=name, invited=invited, picture=_picture(invited.invitation))


def show_one(visit: RequestContext, problem: str = "") -> Response:
    """Show one device, and what taking its certificates away would do."""
    device = _find(visit)
    return _one(visit, device, problem) if device else _missing(visit)


def _one(visit: RequestContext, device: DeviceRecord, problem: str = "") -> Response:
    # The server's own certificate and that of this console are kept on the server's machine.
    own = device.role is DeviceRole.SERVER or (
        device.role is DeviceRole.CONSOLE and device.name == visit.console.settings.name
    )
    return visit.page(
        "device.html", device=device, own=own, problem=problem, second_name=visit.form.get("second_name", "")
    )


def act(visit: RequestContext) -> Response:
    """Withdraw an invitation, or take a device's certificates away."""
    device, wanted = _find(visit), visit.part("act")
    if device is None or wanted not in ACTS:
        return _missing(visit)
    role, site, name = ROLES.number(device.role), device.site, device.name
    asked = calls.REVOKE_DEVICE(role=role, site=site, name=name)

    def done(word: str) -> Response:
        if wanted == "cancel":
            visit.ask(calls.CANCEL_INVITATION(role=role, site=site, name=name))
        elif not visit.ask(asked, word).recorded:
            return visit.page("done.html", words=visit.texts.say("REVOKED_NOT_RECORDED"), then="/devices")
        return visit.to("/devices")

    return with_second_where_needed(visit, asked, done, lambda problem: _one(visit, device, problem))


def _find(visit: RequestContext) -> DeviceRecord | None:
    which = tuple(visit.part(name) for name in ("role", "site", "name"))
    return next(
        (one for one in visit.ask(calls.LIST_DEVICES()).devices if (one.role, one.site, one.name) == which), None
    )


def _missing(visit: RequestContext) -> Response:
    return visit.problem(visit.texts.say("REFUSED_DEVICE_UNKNOWN"), HTTPStatus.NOT_FOUND)


def _counters(known: DeviceList) -> list[tuple[str, str]]:
    """Return the site and the name of each counter that has a camera."""
    return sorted({(one.site, one.counter) for one in known.devices if one.counter})


def _picture(text: str) -> Markup:
    """Return a QR code as an SVG element: black on white in any scheme, or what photographs it cannot read it."""
    svg: str = segno.make(text, micro=False, error="m").svg_inline(
        light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(svg)  # noqa: S704  # made here, of paths only
