"""The calls about devices and cameras, and those of cameras."""

from __future__ import annotations

from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, KEPT_SURVEY, PICTURE
from cekalwatch.contract.codec.devices import DEVICE_INVITED, DEVICE_LIST, DEVICE_TO_INVITE
from cekalwatch.contract.engine.call import Nothing, Only, Plain, Several, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import camera_service_pb2 as camera_pb
from cekalwatch.v1 import capture_service_pb2 as capture_pb
from cekalwatch.v1 import device_service_pb2 as pb

STREAM_FACES = call(capture_pb.StreamFacesRequest, Plain(capture_pb.StreamFacesResponse), rights.CAMERA)

LIST_DEVICES = call(pb.ListDevicesRequest, DEVICE_LIST, rights.DEVICES)
INVITE_DEVICE = call(DEVICE_TO_INVITE, DEVICE_INVITED, rights.DEVICES)
CANCEL_INVITATION = call(pb.CancelInvitationRequest, Nothing(pb.CancelInvitationResponse), rights.DEVICES)
REVOKE_DEVICE = call(pb.RevokeDeviceRequest, Plain(pb.RevokeDeviceResponse), rights.CAMERAS)

GET_CAMERA_POLICY = call(
    camera_pb.GetCameraPolicyRequest, Only(camera_pb.GetCameraPolicyResponse, "policy", CAMERA_POLICY), rights.DEVICES
)
SET_CAMERA_POLICY = call(
    camera_pb.SetCameraPolicyRequest, Only(camera_pb.SetCameraPolicyResponse, "policy", CAMERA_POLICY), rights.CAMERAS
)
GET_AIMING_PICTURE = call(camera_pb.GetAimingPictureRequest, PICTURE, rights.CAMERA_VIEW)
LIST_SURVEYS = call(
    camera_pb.ListSurveysRequest, Several(camera_pb.ListSurveysResponse, "surveys", KEPT_SURVEY), rights.CAMERA_VIEW
)
REPORT_SURVEY = call(camera_pb.ReportSurveyRequest, Nothing(camera_pb.ReportSurveyResponse), rights.CAMERA)
