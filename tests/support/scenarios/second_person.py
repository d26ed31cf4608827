"""The sign-in of a second person, for what two people are about to call."""

from __future__ import annotations

from google.protobuf.message import Message

from cekalwatch.v1 import session_pb2, session_service_pb2
from cekalwatch.v1.audit_service_pb2 import ExportAuditEntriesRequest
from cekalwatch.v1.camera_service_pb2 import SetCameraPolicyRequest
from cekalwatch.v1.device_service_pb2 import RevokeDeviceRequest
from cekalwatch.v1.operations_service_pb2 import (
    ForgetLearnedThresholdRequest,
    SetGatePolicyRequest,
    SetThresholdRequest,
)
from cekalwatch.v1.people_service_pb2 import (
    AddPersonRequest,
    ChangePersonRequest,
    DisablePersonRequest,
    ResetPasswordRequest,
)
from cekalwatch.v1.shift_service_pb2 import SetExerciseHoursRequest
from cekalwatch.v1.watchlist_service_pb2 import (
    AcceptShrunkenListRequest,
    AddLawRowRequest,
    AmendOrderRequest,
    ImportListFileRequest,
    PutAgencyRequest,
    RemoveAgencyRequest,
)
from cekalwatch.wire.tokens import request_digest
from tests.support.scenarios.people import PASSWORD

ACTIONS: dict[type[Message], session_pb2.TwoPersonAction.ValueType] = {
    SetThresholdRequest: session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD,
    ForgetLearnedThresholdRequest: session_pb2.TWO_PERSON_ACTION_CHANGE_THRESHOLD,
    SetGatePolicyRequest: session_pb2.TWO_PERSON_ACTION_SET_GATES,
    AcceptShrunkenListRequest: session_pb2.TWO_PERSON_ACTION_ACCEPT_SHRUNKEN_LIST,
    AddLawRowRequest: session_pb2.TWO_PERSON_ACTION_CHANGE_LAW,
    **dict.fromkeys(
        (AmendOrderRequest, PutAgencyRequest, RemoveAgencyRequest, ImportListFileRequest),
        session_pb2.TWO_PERSON_ACTION_AMEND_ORDER,
    ),
    **dict.fromkeys((RevokeDeviceRequest, SetCameraPolicyRequest), session_pb2.TWO_PERSON_ACTION_CHANGE_CAMERAS),
    SetExerciseHoursRequest: session_pb2.TWO_PERSON_ACTION_SET_EXERCISES,
    **dict.fromkeys(
        (AddPersonRequest, ChangePersonRequest, DisablePersonRequest, ResetPasswordRequest),
        session_pb2.TWO_PERSON_ACTION_CHANGE_PEOPLE,
    ),
    ExportAuditEntriesRequest: session_pb2.TWO_PERSON_ACTION_EXPORT_AUDIT,
}


def method_of(request: Message) -> str:
    """The method of a request, as /PACKAGE.SERVICE/METHOD."""
    asked = request.DESCRIPTOR
    methods = [method for service in asked.file.services_by_name.values() for method in service.methods]
    (method,) = (one for one in methods if one.input_type is asked)
    return f"/{method.containing_service.full_name}/{method.name}"


def beside(name: str, request: Message, password: str = PASSWORD) -> session_service_pb2.SignInRequest:
    """How `name` signs in for `request`; it is sent with the token of the first person's session."""
    return session_service_pb2.SignInRequest(
        purpose=session_pb2.SESSION_PURPOSE_SECOND_PERSON,
        password=session_service_pb2.PasswordProof(sign_in_name=name, password=password),
        joint_act=session_pb2.JointAct(action=ACTIONS[type(request)], request_sha256=request_digest(request)),
    )
