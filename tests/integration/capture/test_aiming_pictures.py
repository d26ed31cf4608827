"""A picture of what a camera shows: asked of a real stream, checked, recorded, and given to who asked alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.capture import aiming, watching
from cekalwatch.server.wiring import capture as wiring
from cekalwatch.v1 import camera_service_pb2 as messages
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.wire.bounds import MAX_AIMING_BYTES
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.builders.camera import decoded
from tests.support.scenarios.aiming_camera import AimingCamera, Answer, aiming_camera, aiming_picture
from tests.support.scenarios.port_office import PortOffice, port_office, sign_in
from tests.support.scenarios.server import CAMERAS, CaptureClient, jpeg, reason_of
from tests.support.scenarios.site_pki import SITE

WAIT_S = 30.0
OTHER_SITE = "sekupang"


@dataclass
class Stand:
    """An office, and its console, at which people ask."""

    office: PortOffice
    channel: grpc.aio.Channel
    tokens: dict[str, str]

    async def picture(self, camera_id: str = "dep-1", person: str = "sari", *, watched: bool = False) -> Any:
        stub: Any = CameraServiceStub(self.channel)
        request = messages.GetAimingPictureRequest(camera_id=camera_id, watched=watched)
        return await stub.GetAimingPicture(request, metadata=bearer(self.tokens[person]), timeout=WAIT_S)

    async def refusal(self, camera_id: str = "dep-1", person: str = "sari") -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.picture(camera_id, person)
        return reason_of(refused.value)

    @asynccontextmanager
    async def camera(self, answer: Answer = aiming_picture, *, able: bool = True) -> AsyncIterator[AimingCamera]:
        files = self.office.site.device(DeviceRole.CAMERA, "dep-1")
        async with (
            self.office.site.dialer(self.office.address, files).aio_channel() as channel,
            aiming_camera(channel, answer=answer, able=able) as camera,
        ):
            yield camera

    async def until_seen(self, view: capture_pb2.ViewState.ValueType) -> None:
        """Wait until the server has heard how the view looks."""
        stub: Any = OperationsServiceStub(self.channel)

        async def seen() -> Any:
            answer = await stub.GetStatus(GetStatusRequest(), metadata=bearer(self.tokens["sari"]))
            return next(one.view_state for one in answer.cameras if one.camera.camera_id == "dep-1")

        while await seen() != view:
            pass

    def recorded(self) -> list[tuple[str, dict[str, int]]]:
        """The outcomes in the audit trail, with their details."""
        found = self.office.trail(Action.CAMERA_PICTURE_VIEWED)
        assert {json.loads(one.objects)[0] for one in found} <= {f"device:{SITE}/camera/dep-1"}
        return [(one.outcome, json.loads(one.details)) for one in found]


@pytest.fixture
def swept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is started after this sees at once who watches no more."""
    monkeypatch.setattr(wiring, "SWEEP_WATCHES_PERIOD_S", 0.02)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    cameras = (*CAMERAS, {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D2", "direction": "DEPARTURE"})
    people = {"adi": (PersonRole.ADMINISTRATOR,), "sari": (PersonRole.SUPERVISOR,), "budi": ()}
    office = port_office(tmp_path, people, sites=({"site": SITE}, {"site": OTHER_SITE}), cameras=cameras)
    async with office.open(), AsyncExitStack() as stack:
        files = office.site.device(DeviceRole.CONSOLE, "console")
        channel = await stack.enter_async_context(office.site.dialer(office.address, files).aio_channel())
        yield Stand(office, channel, {name: await sign_in(channel, name) for name in ("adi", "sari", "budi")})


async def test_who_asks_gets_what_the_camera_shows_and_it_is_recorded(stand: Stand) -> None:
    async with stand.camera(lambda number: aiming_picture(number, faces=3)) as camera:
        answer = await stand.picture()
        assert (answer.frame_width, answer.frame_height, answer.faces) == (1920, 1080, 3)
        assert decoded(answer.jpeg).shape == (360, 640, 3)
        assert (await stand.picture(person="adi")).jpeg
        assert camera.asked == [1, 2]
    assert stand.recorded() == [("OK", {"faces": 3})] * 2
    people = [stand.office.people[name].person_id for name in ("sari", "adi")]
    actors = [one.actor for one in stand.office.trail(Action.CAMERA_PICTURE_VIEWED)]
    assert [actor.partition("@")[0] for actor in actors] == [f"person:{person_id}" for person_id in people]


def watched(stand: Stand) -> list[tuple[str, int]]:
    """Whose watching the audit trail has, with the number of pictures."""
    names = {str(one.person_id): name for name, one in stand.office.people.items()}
    return [
        (names[one.actor.removeprefix("person:").partition("@")[0]], json.loads(one.details)["pictures"])
        for one in stand.office.trail(Action.CAMERA_WATCHED)
    ]


@pytest.mark.usefixtures("swept_often")
async def test_all_who_watch_a_camera_share_a_picture_and_the_trail_has_how_many_each_was_given(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand.camera() as camera:
        first = await stand.picture(watched=True)
        for person in ("sari", "adi", "sari"):
            assert (await stand.picture(person=person, watched=True)).jpeg == first.jpeg
        assert camera.asked == [1], "the camera is asked for one picture in ten seconds"
        assert watched(stand) == [("sari", 1), ("adi", 1)], "it is recorded that somebody looks, not each picture"
        monkeypatch.setattr(watching, "RENEWED_S", 0.0)
        await stand.picture(watched=True)
        assert camera.asked == [1, 2]
        monkeypatch.setattr(watching, "ENDED_S", 0.0)
        async with asyncio.timeout(WAIT_S):
            while len(watched(stand)) < 3:  # noqa: ASYNC110  # the sweep tells nobody
                await asyncio.sleep(0.02)
    assert watched(stand) == [("sari", 1), ("adi", 1), ("sari", 3)], "adi was given no more"
    assert stand.recorded() == []


async def test_a_camera_that_gives_no_picture_is_not_asked_by_each_who_watches(stand: Stand) -> None:
    refusal = capture_pb2.AIMING_REFUSAL_NO_FRAMES
    async with stand.camera(lambda number: aiming_picture(number, jpeg=b"", refusal=refusal)) as camera:
        for person in ("sari", "adi"):
            with pytest.raises(grpc.aio.AioRpcError):
                await stand.picture(person=person, watched=True)
        assert camera.asked == [1]
    assert watched(stand) == []


async def test_officers_and_cameras_of_other_sites_are_refused_and_nothing_is_asked(stand: Stand) -> None:
    async with stand.camera() as camera:
        assert await stand.refusal(person="budi") == "PERSON_ROLE_NEEDED"
        assert await stand.refusal("dep-2") == "PERSON_SITE_NOT_ALLOWED"
        assert await stand.refusal("no-such-camera") == "UNKNOWN_CAMERA"
        assert await stand.refusal("arr-1") == "CAMERA_AWAY"
        assert camera.asked == []
    assert stand.recorded() == []


async def test_a_client_that_does_not_know_the_request_is_not_asked(stand: Stand) -> None:
    async with stand.camera(able=False) as camera:
        assert await stand.refusal() == "CAMERA_TOO_OLD"
        assert camera.asked == []
    assert stand.recorded() == [("CAMERA_TOO_OLD", {})]


@pytest.mark.parametrize("view", [capture_pb2.VIEW_STATE_TURNED_AWAY, capture_pb2.VIEW_STATE_NOT_AT_PRESET])
async def test_a_camera_that_looks_elsewhere_is_not_asked(stand: Stand, view: capture_pb2.ViewState.ValueType) -> None:
    async with stand.camera() as camera, asyncio.timeout(WAIT_S):
        await camera.beat(view)
        await stand.until_seen(view)
        assert await stand.refusal() == "CAMERA_LOOKS_ELSEWHERE"
        assert camera.asked == []


async def test_a_camera_that_turned_in_between_and_one_without_frames_say_so(stand: Stand) -> None:
    refusals = iter([capture_pb2.AIMING_REFUSAL_TURNED_AWAY, capture_pb2.AIMING_REFUSAL_NO_FRAMES])
    async with stand.camera(lambda number: aiming_picture(number, jpeg=b"", refusal=next(refusals))):
        assert await stand.refusal() == "CAMERA_LOOKS_ELSEWHERE"
        assert await stand.refusal() == "CAMERA_GIVES_NO_PICTURE"


async def test_one_picture_at_a_time_and_a_bound_for_each_person(stand: Stand) -> None:
    come = asyncio.Event()

    def keep_back(_: int) -> None:
        come.set()

    async with stand.camera(keep_back) as camera, asyncio.timeout(WAIT_S):
        first = asyncio.create_task(stand.picture())
        await come.wait()
        assert await stand.refusal(person="adi") == "CAMERA_PICTURE_UNDER_WAY"
        await camera.tell(aiming_picture(camera.asked[0]))
        assert (await first).jpeg
        camera.answer = aiming_picture
        for _ in range(round(aiming.MAX_PICTURES) - 1):
            await stand.picture()
        assert await stand.refusal() == "CAMERA_PICTURES_TOO_MANY"
        assert (await stand.picture(person="adi")).jpeg, "the bound is each person's own"


async def test_a_camera_that_does_not_answer_is_waited_for_no_longer_than_its_time(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiming, "ANSWER_S", 0.2)
    async with stand.camera(lambda _: None) as camera:
        assert await stand.refusal() == "CAMERA_GIVES_NO_PICTURE"
        await camera.tell(aiming_picture(camera.asked[0]))  # late: it is nobody's any more
        camera.answer = aiming_picture
        assert (await stand.picture()).jpeg
        assert camera.asked == [1, 2]
    assert [outcome for outcome, _ in stand.recorded()] == ["CAMERA_GIVES_NO_PICTURE", "OK"]


async def test_a_camera_that_goes_meanwhile_ends_the_wait_at_once(stand: Stand) -> None:
    come = asyncio.Event()

    def note(_: int) -> None:
        come.set()

    async with asyncio.timeout(aiming.ANSWER_S):
        async with stand.camera(note):
            asked = asyncio.create_task(stand.refusal())
            await come.wait()
        assert await asked == "CAMERA_GIVES_NO_PICTURE"


def noise(height: int, width: int, quality: int = 90) -> bytes:
    return jpeg(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8), quality)


GREY = np.full((90, 160, 3), 90, np.uint8)
UNUSABLE = {
    "no picture": b"<script>alert(1)</script>",
    "more bytes": noise(360, 640, 100),
    "longer": noise(10, 641),
    "wider": noise(361, 361, 50),
    "cut off": noise(100, 100)[:-500],
    "with something after its end": noise(100, 100) + b"PK\x03\x04",
    "progressive": cv2.imencode(".jpg", GREY, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
}


@pytest.mark.parametrize("sent", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_is_no_picture_of_the_contract_reaches_nobody(stand: Stand, sent: bytes) -> None:
    async with stand.camera(lambda number: aiming_picture(number, jpeg=sent)):
        assert await stand.refusal() == "CAMERA_GIVES_NO_PICTURE"
    assert [outcome for outcome, _ in stand.recorded()] == ["CAMERA_GIVES_NO_PICTURE"]


async def test_the_server_makes_coarse_what_a_client_did_not(stand: Stand) -> None:
    """A client that forgot to: its picture keeps no fine detail all the same."""
    stripes = np.zeros((360, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    async with stand.camera(lambda number: aiming_picture(number, jpeg=jpeg(stripes, 60))):
        shown = decoded((await stand.picture()).jpeg)
    assert shown.shape == (360, 640, 3)
    assert int(shown.max()) - int(shown.min()) < 64


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"request_id": 99}, "PICTURE_UNASKED"),
        ({"request_id": 1, "frame_width": 0}, "ARGUMENT_INVALID"),
        ({"request_id": 1, "frame_height": 99_999}, "ARGUMENT_INVALID"),
        ({"request_id": 1, "faces": 1001}, "ARGUMENT_INVALID"),
    ],
)
async def test_a_picture_that_nobody_asked_for_or_with_absurd_figures_ends_the_stream(
    stand: Stand, wrong: dict[str, int], reason: str
) -> None:
    files = stand.office.site.device(DeviceRole.CAMERA, "dep-1")
    async with stand.office.site.dialer(stand.office.address, files).aio_channel() as channel:
        client = await CaptureClient.open(channel, gives_aiming_pictures=True)
        camera = AimingCamera(client, aiming_picture)
        await camera.tell(aiming_picture(**wrong))
        assert (await client.error())[1] == reason


def test_the_bound_on_bytes_is_passed_by_the_picture_that_is_too_large() -> None:
    assert len(UNUSABLE["more bytes"]) > MAX_AIMING_BYTES
