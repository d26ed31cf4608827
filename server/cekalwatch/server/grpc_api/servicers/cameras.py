"""CameraService: what cameras may send, show now, and what surveys found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, CHANGES, KEPT_SURVEY, PICTURE, SURVEY
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.capture_policy import CapturePolicyChanges
from cekalwatch.contract.values.surveys import SurveyFigures
from cekalwatch.server.capture.aiming import AimingService
from cekalwatch.server.capture.policies import CameraPolicies
from cekalwatch.server.capture.surveys import CameraSurveys
from cekalwatch.server.capture.watching import CameraWatches
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1 import camera_service_pb2_grpc


class CameraServicer(camera_service_pb2_grpc.CameraServiceServicer):
    """Serves administrators, and with pictures for aiming supervisors too."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        policies: CameraPolicies,
        aiming: AimingService,
        watches: CameraWatches,
        surveys: CameraSurveys,
    ) -> None:
        self._surveys = surveys
        self._cameras = cameras
        self._policies = policies
        self._aiming = aiming
        self._watches = watches

    async def GetCameraPolicy(self, request: pb.GetCameraPolicyRequest, context: Context) -> pb.GetCameraPolicyResponse:
        """Return what a camera may send."""
        camera = self._camera(request.camera_id)
        state = await asyncio.to_thread(self._policies.state, camera.camera_id)
        return pb.GetCameraPolicyResponse(policy=CAMERA_POLICY.write(state))

    async def SetCameraPolicy(self, request: pb.SetCameraPolicyRequest, context: Context) -> pb.SetCameraPolicyResponse:
        """Set what a camera may send."""
        camera, changes = self._camera(request.camera_id), read_changes(request.changes)
        actor = current_caller().actor
        state = await asyncio.to_thread(self._policies.set, camera, changes, request.number, actor)
        return pb.SetCameraPolicyResponse(policy=CAMERA_POLICY.write(state))

    async def GetAimingPicture(
        self, request: pb.GetAimingPictureRequest, context: Context
    ) -> pb.GetAimingPictureResponse:
        """Return what a camera shows now."""
        given, who = self._watches.picture if request.watched else self._aiming.picture, current_caller()
        if who.session and who.session.on_wall and not request.watched:
            raise CekalwatchError(Code.METHOD_NOT_ALLOWED, "wall")
        picture = await given(self._camera(request.camera_id), who.actor)
        return PICTURE.write(picture)

    async def ReportSurvey(self, request: pb.ReportSurveyRequest, context: Context) -> pb.ReportSurveyResponse:
        """Store the survey of the caller's own camera."""
        caller = current_caller()
        caller.speak_as(request.camera_id)
        camera = self._camera(request.camera_id)
        caller.act_at(camera.site)
        await asyncio.to_thread(self._surveys.take, camera, read_survey(request.survey), caller.actor)
        return pb.ReportSurveyResponse()

    async def ListSurveys(self, request: pb.ListSurveysRequest, context: Context) -> pb.ListSurveysResponse:
        """Return what surveys found of a camera."""
        found = await asyncio.to_thread(self._surveys.of, self._camera(request.camera_id).camera_id)
        return pb.ListSurveysResponse(surveys=map(KEPT_SURVEY.write, found))

    def _camera(self, camera_id: str) -> Camera:
        """Return a camera of the person's sites; raises UNKNOWN_CAMERA or PERSON_SITE_NOT_ALLOWED."""
        camera = self._cameras.get(camera_id)
        if camera is None:
            raise CekalwatchError(Code.UNKNOWN_CAMERA)
        session = current_caller().session
        if session and camera.site not in session.person.sites:
            raise CekalwatchError(Code.PERSON_SITE_NOT_ALLOWED)
        return camera


def read_changes(message: pb.CapturePolicyChanges) -> CapturePolicyChanges:
    """Read the values to set; raises POLICY_OUT_OF_BOUNDS for impossible ones."""
    try:
        return CHANGES.read(message, Reading.STRICT)
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.POLICY_OUT_OF_BOUNDS) from None


def read_survey(message: pb.Survey) -> SurveyFigures:
    """Read a survey; raises SURVEY_INVALID, or Refused for its texts."""
    try:
        figures = SURVEY.read(message, Reading.STRICT)
    except Refused as error:
        if error.field in {"client_version", "detector"}:
            raise
        raise CekalwatchError(Code.SURVEY_INVALID, error.field) from None
    if not figures.consistent:
        raise CekalwatchError(Code.SURVEY_INVALID)
    return figures
