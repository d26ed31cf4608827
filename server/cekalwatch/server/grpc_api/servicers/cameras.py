"""What cameras may send, show now, and what surveys found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cekalwatch.contract.calls import devices as calls
from cekalwatch.contract.codec.camera_service import CHANGES, SURVEY
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicyChanges, out_of_bounds
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.contract.values.surveys import SurveyFigures
from cekalwatch.server.capture.aiming import AimingService
from cekalwatch.server.capture.policies import CameraPolicies
from cekalwatch.server.capture.surveys import CameraSurveys
from cekalwatch.server.capture.watching import CameraWatches
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.v1 import camera_service_pb2 as pb


@dataclass(frozen=True)
class CameraCalls:
    """Serves administrators, and with pictures for aiming supervisors too."""

    cameras: Mapping[str, Camera]
    policies: CameraPolicies
    aiming: AimingService
    watches: CameraWatches
    surveys: CameraSurveys
    foresight: ListForesight

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.GET_CAMERA_POLICY, lambda asked: self.policies.state(self._camera(asked.camera_id).camera_id)),
            serve(calls.SET_CAMERA_POLICY, self._set_policy, silences=self._policy_silences),
            serve(calls.GET_AIMING_PICTURE, self._picture),
            serve(calls.REPORT_SURVEY, self._take_survey),
            serve(calls.LIST_SURVEYS, lambda asked: tuple(self.surveys.of(self._camera(asked.camera_id).camera_id))),
        )

    def _set_policy(self, request: pb.SetCameraPolicyRequest) -> CameraPolicy:
        camera, changes = self._camera(request.camera_id), read_changes(request.changes)
        return self.policies.set(camera, changes, request.number, current_caller().actor)

    def _policy_silences(self, request: pb.SetCameraPolicyRequest) -> Silencing:
        """Return whose orders alert at the camera, if it would send less of travellers."""
        camera, changes = self._camera(request.camera_id), read_changes(request.changes)
        state = self.policies.state(camera.camera_id)
        refused = out_of_bounds(changes) or request.number != state.number
        if refused or not changes.applied_to(state.of_settings).sends_less_than(state.in_force):
            return NOTHING_SILENCED
        return self.foresight.without(f"camera {camera.camera_id}", (camera.direction,))

    async def _picture(self, request: pb.GetAimingPictureRequest) -> TakenPicture:
        given, who = self.watches.picture if request.watched else self.aiming.picture, current_caller()
        if who.session and who.session.on_wall and not request.watched:
            raise CekalwatchError(Code.METHOD_NOT_ALLOWED, "wall")
        return await given(self._camera(request.camera_id), who.actor)

    def _take_survey(self, request: pb.ReportSurveyRequest) -> None:
        """Store the survey of the caller's own camera."""
        caller = current_caller()
        caller.speak_as(request.camera_id)
        camera = self._camera(request.camera_id)
        caller.act_at(camera.site)
        self.surveys.take(camera, read_survey(request.survey), caller.actor)

    def _camera(self, camera_id: str) -> Camera:
        """Return a camera of the person's sites; raises UNKNOWN_CAMERA or PERSON_SITE_NOT_ALLOWED."""
        camera = self.cameras.get(camera_id)
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
