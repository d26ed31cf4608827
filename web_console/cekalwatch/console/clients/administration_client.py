"""The calls of administrators about devices, certificates, cameras and people. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Collection

import grpc

from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, CHANGES, KEPT_SURVEY, PICTURE
from cekalwatch.contract.codec.devices import DEVICE, DEVICE_INVITED, DEVICE_TO_INVITE, ROLES
from cekalwatch.contract.codec.people import PASSWORD_PART, PERSON_RECORD, SESSION
from cekalwatch.contract.codec.people import ROLES as PERSON_ROLES
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicyChanges
from cekalwatch.contract.values.devices import DeviceInvited, DeviceList, DeviceToInvite
from cekalwatch.contract.values.people import PasswordPart, PersonRecord, PersonRole, PersonSession
from cekalwatch.contract.values.surveys import KeptSurvey
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import camera_service_pb2 as cameras_pb
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.v1 import people_service_pb2 as people_pb
from cekalwatch.v1 import session_pb2, session_service_pb2
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.v1.device_service_pb2_grpc import DeviceServiceStub
from cekalwatch.v1.people_service_pb2_grpc import PeopleServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.identity import DeviceRole


class DeviceClient(ServiceClient[DeviceServiceStub]):
    """An administrator's calls."""

    stub = DeviceServiceStub

    def all(self) -> DeviceList:
        """Return the devices of the administrator's sites; a role that only a newer server knows is left out."""
        answer = self._call(lambda stub: stub.ListDevices, pb.ListDevicesRequest())
        devices = DEVICE.read_all(one for one in answer.devices if ROLES.member(one.role))
        return DeviceList(devices, tuple(map(safe_text, answer.sites)))

    def invite(self, wanted: DeviceToInvite) -> DeviceInvited:
        return DEVICE_INVITED.read(self._call(lambda stub: stub.InviteDevice, DEVICE_TO_INVITE.write(wanted)))

    def cancel(self, role: DeviceRole, site: str, name: str) -> None:
        request = pb.CancelInvitationRequest(role=ROLES.number(role), site=site, name=name)
        self._call(lambda stub: stub.CancelInvitation, request)

    def revoke(self, role: DeviceRole, site: str, name: str) -> bool:
        """Revoke all certificates of a device; return whether that could be recorded too."""
        request = pb.RevokeDeviceRequest(role=ROLES.number(role), site=site, name=name)
        return bool(self._call(lambda stub: stub.RevokeDevice, request).recorded)


class CameraClient(ServiceClient[CameraServiceStub]):
    """The calls of people who maintain cameras."""

    stub = CameraServiceStub

    def policy(self, camera_id: str) -> CameraPolicy:
        request = cameras_pb.GetCameraPolicyRequest(camera_id=camera_id)
        return CAMERA_POLICY.read(self._call(lambda stub: stub.GetCameraPolicy, request).policy)

    def set_policy(self, camera_id: str, changes: CapturePolicyChanges, number: int) -> None:
        """Set what a camera may send, in place of the change with that `number`."""
        request = cameras_pb.SetCameraPolicyRequest(camera_id=camera_id, changes=CHANGES.write(changes), number=number)
        self._call(lambda stub: stub.SetCameraPolicy, request)

    def aiming_picture(self, camera_id: str) -> TakenPicture:
        """Return the present picture of a camera, from the server to which it is connected."""
        request = cameras_pb.GetAimingPictureRequest(camera_id=camera_id)
        return PICTURE.read(self._call_holder(lambda stub: stub.GetAimingPicture, request, _is_elsewhere))

    def watched_picture(self, camera_id: str) -> TakenPicture:
        """Return the picture of a camera for a screen that shows it for long: at most 10 s old."""
        request = cameras_pb.GetAimingPictureRequest(camera_id=camera_id, watched=True)
        return PICTURE.read(self._call_holder(lambda stub: stub.GetAimingPicture, request, _is_elsewhere))

    def surveys(self, camera_id: str) -> tuple[KeptSurvey, ...]:
        """Return what surveys found of a camera, newest first."""
        found = self._call(lambda stub: stub.ListSurveys, cameras_pb.ListSurveysRequest(camera_id=camera_id))
        return KEPT_SURVEY.read_all(found.surveys)


def _is_elsewhere(error: grpc.RpcError) -> bool:
    return error_reason(error) == "CAMERA_ELSEWHERE"


PeopleRequest = (
    people_pb.AddPersonRequest
    | people_pb.ChangePersonRequest
    | people_pb.DisablePersonRequest
    | people_pb.ResetPasswordRequest
)
"""What an administrator asks for alone or with a second person."""


class PeopleClient(ServiceClient[PeopleServiceStub]):
    """An administrator's calls."""

    stub = PeopleServiceStub

    def all(self) -> list[PersonRecord]:
        """Return everybody with a site of the administrator's, by sign-in name."""
        return list(
            PERSON_RECORD.read_all(self._call(lambda stub: stub.ListPeople, people_pb.ListPeopleRequest()).people)
        )

    @staticmethod
    def addition(
        name: str, display_name: str, roles: Collection[PersonRole], sites: Collection[str]
    ) -> people_pb.AddPersonRequest:
        """Return the request to add a person."""
        return people_pb.AddPersonRequest(
            sign_in_name=name,
            display_name=display_name,
            roles=map(PERSON_ROLES.number, sorted(roles)),
            sites=sorted(sites),
        )

    @staticmethod
    def new_rights(
        name: str,
        roles: Collection[PersonRole],
        sites: Collection[str],
        seen_roles: Collection[PersonRole],
        seen_sites: Collection[str],
    ) -> people_pb.ChangePersonRequest:
        """Return the request to replace a person's roles and sites, unless they have changed since they were seen."""
        return people_pb.ChangePersonRequest(
            sign_in_name=name,
            roles=map(PERSON_ROLES.number, sorted(roles)),
            sites=sorted(sites),
            seen_roles=map(PERSON_ROLES.number, sorted(seen_roles)),
            seen_sites=sorted(seen_sites),
        )

    @staticmethod
    def admission(name: str, *, disabled: bool) -> people_pb.DisablePersonRequest:
        """Return the request to refuse a person from now on, or to let them in again."""
        return people_pb.DisablePersonRequest(sign_in_name=name, disabled=disabled)

    @staticmethod
    def reset(name: str) -> people_pb.ResetPasswordRequest:
        """Return the request to give a person another first password."""
        return people_pb.ResetPasswordRequest(sign_in_name=name)

    @staticmethod
    def joint(request: PeopleRequest) -> JointRequest:
        """Return what two people sign for it."""
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_PEOPLE, request)

    def make(self, request: PeopleRequest, word: str = "") -> str:
        """Make a request, with the word of a second person if there is one; return the first part of a password."""
        match request:
            case people_pb.AddPersonRequest():
                return str(self._call(lambda stub: stub.AddPerson, request, word).first_password)
            case people_pb.ChangePersonRequest():
                self._call(lambda stub: stub.ChangePerson, request, word)
            case people_pb.DisablePersonRequest():
                self._call(lambda stub: stub.DisablePerson, request, word)
            case people_pb.ResetPasswordRequest():
                return str(self._call(lambda stub: stub.ResetPassword, request, word).first_password)
        return ""

    def take_parts(self) -> tuple[PasswordPart, ...]:
        """Return the second parts of first passwords for which the caller has signed; each comes once."""
        answer = self._call(lambda stub: stub.TakePasswordParts, people_pb.TakePasswordPartsRequest())
        return PASSWORD_PART.read_all(answer.parts)

    def unlock(self, name: str) -> None:
        """Forget a name's wrong passwords."""
        self._call(lambda stub: stub.UnlockPerson, people_pb.UnlockPersonRequest(sign_in_name=name))


class SessionCheck(ServiceClient[SessionServiceStub]):
    """For parts of a page that are shown without a call by the person."""

    stub = SessionServiceStub

    def session(self) -> PersonSession:
        return SESSION.read(self._call(lambda stub: stub.GetSession, session_service_pb2.GetSessionRequest()).session)
