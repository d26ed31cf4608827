"""What a survey found goes from the camera's client to the console's page: within bounds, recorded, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.camera.survey.report import report
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.surveys import Advice, Grade
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.capture.surveys import MAX_SURVEYS
from cekalwatch.v1 import camera_service_pb2 as messages
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.builders.surveys import FIGURES, survey_figures, survey_message
from tests.support.scenarios.port_office import PortOffice, port_office, sign_in
from tests.support.scenarios.server import CAMERAS, reason_of
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import served, words

WAIT_S = 30.0


@dataclass
class Stand:
    """An office, and what its camera and its console can call."""

    office: PortOffice
    camera: grpc.aio.Channel
    console: grpc.aio.Channel
    token: str

    async def report(self, camera_id: str = "dep-1", **fields: Any) -> str:
        """Report a survey as the camera dep-1; return the refusal, or an empty text."""
        stub: Any = CameraServiceStub(self.camera)
        survey = survey_message()
        for name, value in fields.items():
            if value is None:
                survey.ClearField(name)  # type: ignore[arg-type]
            elif hasattr(value, "DESCRIPTOR"):
                getattr(survey, name).CopyFrom(value)
            else:
                setattr(survey, name, value)
        request = messages.ReportSurveyRequest(camera_id=camera_id, survey=survey)
        try:
            await stub.ReportSurvey(request, timeout=WAIT_S)
        except grpc.aio.AioRpcError as error:
            return reason_of(error)
        return ""

    async def listed(self, camera_id: str = "dep-1") -> list[messages.KeptSurvey]:
        stub: Any = CameraServiceStub(self.console)
        request = messages.ListSurveysRequest(camera_id=camera_id)
        answer = await stub.ListSurveys(request, metadata=bearer(self.token), timeout=WAIT_S)
        return list(answer.surveys)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    office = port_office(tmp_path, {"sari": (PersonRole.SUPERVISOR,)}, cameras=CAMERAS)
    site = office.site
    async with office.open(), AsyncExitStack() as stack:
        camera, console = [
            await stack.enter_async_context(site.dialer(office.address, site.device(role, name)).aio_channel())
            for role, name in ((DeviceRole.CAMERA, "dep-1"), (DeviceRole.CONSOLE, "console"))
        ]
        yield Stand(office, camera, console, await sign_in(console, "sari"))


async def test_a_survey_is_kept_recorded_and_shown_on_the_cameras_page(stand: Stand) -> None:
    files = stand.office.site.device(DeviceRole.CAMERA, "dep-1")
    dialer = stand.office.site.dialer(stand.office.address, files)
    await asyncio.to_thread(report, dialer, "dep-1", FIGURES)
    nobody = survey_figures(
        passages=0, passages_fit=0, passages_sendable=0, spreads={}, grade=Grade.UNKNOWN, advice=(Advice.NOBODY,)
    )
    await asyncio.to_thread(report, dialer, "dep-1", nobody)
    newest, oldest = await stand.listed()
    assert oldest.survey == survey_message()
    assert (newest.survey.passages, newest.survey.HasField("sharpness")) == (0, False)
    entries = stand.office.trail(Action.CAMERA_SURVEYED)
    assert [json.loads(one.details) for one in entries] == [
        {"passages": 40, "passages_fit": 31},
        {"passages": 0, "passages_fit": 0},
    ]
    assert json.loads(entries[0].objects) == [f"device:{SITE}/camera/dep-1"]
    async with served(stand.office, name="console-2") as pages, pages.browser() as browser:
        await browser.sign_in("sari")
        text = words(await browser.get("/cameras/dep-1"))
        assert "fair 31 of 40 66 (41–90)" in text
        assert "zoom in, or mount it nearer ; set the focus" in text.replace("nearer;", "nearer ;")
        assert "too few people passed" in text
        assert "No survey of this camera has been sent" in words(await browser.get("/cameras/arr-1"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"frame_width": 0},
        {"frame_height": 99_999},
        {"frames_per_second": float("nan")},
        {"frames_per_second": -1.0},
        {"passages_fit": 41},
        {"passages": 10_000_001},
        {"sharpness": messages.SurveySpread(p10=0, p50=0.5, p90=1.5)},
        {"sharpness": messages.SurveySpread(p10=0.6, p50=0.5, p90=0.7)},
        {"brightness": messages.SurveySpread(p10=float("nan"), p50=0.5, p90=0.7)},
        {"eye_distance_px": None},
        {"passages": 0, "passages_fit": 0, "passages_sendable": 0},
    ],
    ids=str,
)
async def test_a_survey_with_figures_that_cannot_be_is_refused(stand: Stand, wrong: dict[str, Any]) -> None:
    assert await stand.report(**wrong) == "SURVEY_INVALID"
    assert await stand.listed() == []
    assert stand.office.trail(Action.CAMERA_SURVEYED) == []


async def test_a_camera_reports_for_itself_only_and_not_too_often(stand: Stand) -> None:
    assert await stand.report("arr-1") == "NAME_NOT_ALLOWED"
    assert await stand.report(client_version="x" * 65) == "ARGUMENT_INVALID"
    found = [await stand.report() for _ in range(round(MAX_SURVEYS) + 1)]
    assert found == [*[""] * round(MAX_SURVEYS), "SURVEYS_TOO_MANY"]
    files = stand.office.site.device(DeviceRole.CAMERA, "dep-1")
    dialer = stand.office.site.dialer(stand.office.address, files)
    with pytest.raises(ProgramError, match="reports surveys too often"):
        await asyncio.to_thread(report, dialer, "dep-1", FIGURES)
