"""The pages about cameras against a real server: how each does, and what was wrong with it."""

from __future__ import annotations

import asyncio
import json

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import decoded
from tests.support.scenarios.aiming_camera import aiming_camera, aiming_picture
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.server import CaptureClient, face
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, Pages, form_token, pictures_in, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
OTHER_SITE = "sekupang"
CAMERAS = (
    {"camera_id": "dep-1", "site": SITE, "counter": f"D1{SCRIPT}", "direction": "DEPARTURE"},
    {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D2", "direction": "DEPARTURE"},
)
FIT = capture_pb2.FaceQuality(eye_distance_px=80, sharpness=0.8, brightness=0.5, score=0.8)
SMALL = capture_pb2.FaceQuality(eye_distance_px=40, sharpness=0.8, brightness=0.5, score=0.4)
PEOPLE = {"sari": (PersonRole.SUPERVISOR,)}
SETTINGS = {"sites": ({"site": SITE}, {"site": OTHER_SITE}), "cameras": CAMERAS}


async def shown(browser: Browser, path: str, what: str) -> str:
    """Ask for a page until it shows something."""
    async with asyncio.timeout(30):
        while what not in (text := words(await browser.get(path))):
            pass
    return text


async def test_a_camera_tells_how_it_does_and_how_many_passages_are_fit(office: PortOffice, browser: Browser) -> None:
    assert "not connected" in words(await browser.get("/cameras"))
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel:
        camera = await CaptureClient.open(channel)
        for track, quality in (("1", SMALL), ("1", FIT), ("2", SMALL), ("3", capture_pb2.FaceQuality())):
            await camera.receipt(face(track=track, quality=quality))
        beat = capture_service_pb2.Heartbeat(
            frames_per_second=12.5,
            view_state=capture_pb2.VIEW_STATE_DARK,
            dropped_total=3,
            drops=capture_pb2.DropCounts(no_room=1, too_old=2),
        )
        await camera.call.write(capture_service_pb2.StreamFacesRequest(heartbeat=beat))
        text = await shown(browser, "/cameras", "1 of 3")
        assert "too dark" in text
        assert "12.5" in text
        text = await shown(browser, "/cameras/dep-1", "1 of 3")
        assert "Dropped: too old 2" in text
        assert "Distance between the eyes, at least (pixels) 32" in text
        await shown(browser, "/cameras/dep-1", "the picture is too dark")
        camera.call.cancel()
    await shown(browser, "/cameras/dep-1", "not connected")


async def test_cameras_of_other_sites_are_not_shown_and_names_are_text(browser: Browser) -> None:
    for path in ("/cameras", "/cameras/dep-1"):
        page = await browser.get(path)
        assert ("dep-2" in page.text, SCRIPT in page.text, "&lt;script&gt;" in page.text) == (False, False, True)
    for path in ("/cameras/dep-2", "/cameras/nothing", f"/cameras/{SCRIPT.replace('/', '%2F')}"):
        page = await browser.get(path)
        assert (page.status_code, SCRIPT in page.text) == (404, False)


async def test_an_administrator_sets_what_a_camera_may_send_and_takes_it_back(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    office.hire("adi", PersonRole.ADMINISTRATOR)
    async with pages.browser() as desk, pages.browser() as other:
        await desk.sign_in("adi")
        await other.sign_in("adi")
        page = await desk.get("/cameras/dep-1")
        token = form_token(page)
        late = form_token(await other.get("/cameras/dep-1"))
        answer = await desk.post("/cameras/dep-1/policy", token, number="0", min_eye_distance_px="999")
        assert (answer.status_code, "outside its limits" in words(answer)) == (409, True)
        assert 'value="999"' in answer.text, "what was typed stays"
        for wrong in (SCRIPT, "nan", "", "-1"):
            fields = {"number": wrong or "x", "jpeg_quality": wrong}
            answer = await desk.post("/cameras/dep-1/policy", token, **fields)
            assert (answer.status_code, SCRIPT in answer.text) == (409, False), wrong
        answer = await desk.post("/cameras/dep-1/policy", token, number="0", min_eye_distance_px="24")
        assert answer.status_code == 303, words(answer)
        assert 'name="min_eye_distance_px" type="number" min="16" max="80" step="any"' in (
            text := (await desk.get("/cameras/dep-1")).text
        )
        assert 'value="24"' in text
        answer = await other.post("/cameras/dep-1/policy", late, number="0", min_eye_distance_px="20")
        assert (answer.status_code, "Another person has changed this camera" in words(answer)) == (409, True)
        assert ('value="20"' in answer.text, 'value="24"' in answer.text) == (False, True)
        # To see less takes a supervisor too, and so does to go back to less.
        alone = await desk.post("/cameras/dep-1/policy", token, number="1", wanted="before")
        assert (alone.status_code, "A second person must sign" in words(alone)) == (409, True)
        assert office.trail(Action.ORDERS_SILENCED) == []
        office.hire("wati", PersonRole.SUPERVISOR)
        second = {"second_name": "wati", "second_password": PASSWORD}
        answer = await desk.post("/cameras/dep-1/policy", form_token(alone), number="1", wanted="before", **second)
        assert answer.status_code == 303, words(answer)
        (silenced,) = office.trail(Action.ORDERS_SILENCED)
        assert json.loads(silenced.details)["what"] == "camera dep-1"
        assert 'value="24"' not in (await desk.get("/cameras/dep-1")).text
        assert (await desk.post("/cameras/dep-2/policy", token, number="0")).status_code == 404
        assert len(office.trail(Action.CAMERA_POLICY_SET)) == 2
        # A supervisor sees the figures, and has no form.
        seen = await browser.get("/cameras/dep-1")
        assert ("Distance between the eyes" in words(seen), 'name="min_eye_distance_px"' in seen.text) == (True, False)


async def test_a_supervisor_asks_what_a_camera_shows_and_sees_it_in_the_page_alone(
    office: PortOffice, browser: Browser
) -> None:
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel:
        async with aiming_camera(channel, answer=lambda number: aiming_picture(number, faces=4)):
            page = await browser.get("/cameras/dep-1")
            assert "data:image" not in page.text, "nothing is asked of a camera by looking at its page"
            token = form_token(page)
            shown = await browser.post("/cameras/dep-1/picture", token)
            assert shown.status_code == 200
            assert "1920 × 1080 pixels. Faces found and made unrecognisable: 4" in words(shown)
            (picture,) = pictures_in(shown)
            assert decoded(picture).shape == (360, 640, 3)
            assert shown.headers["Cache-Control"] == "no-store"
            assert "img-src 'self' data:" in shown.headers["Content-Security-Policy"]
            assert (await browser.post("/cameras/dep-1/picture")).status_code == 403, "not without the form of the page"
            assert (await browser.post("/cameras/dep-2/picture", token)).status_code == 404
        async with aiming_camera(channel, able=False):
            refused = await browser.post("/cameras/dep-1/picture", token)
            assert (refused.status_code, "too old to give pictures" in words(refused)) == (409, True)
    assert [one.outcome for one in office.trail(Action.CAMERA_PICTURE_VIEWED)] == ["OK", "CAMERA_TOO_OLD"]
