"""The calls about people and their sessions."""

from __future__ import annotations

from cekalwatch.contract.codec.approvals import OPEN_APPROVALS
from cekalwatch.contract.codec.people import PASSWORD_PART, PERSON_RECORD, SESSION
from cekalwatch.contract.engine.call import Nothing, Only, Plain, Several, Text, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import people_service_pb2 as people_pb
from cekalwatch.v1 import session_service_pb2 as pb

GET_SIGN_IN_METHODS = call(pb.GetSignInMethodsRequest, Plain(pb.GetSignInMethodsResponse), rights.SIGN_IN_METHODS)
SIGN_IN = call(pb.SignInRequest, Plain(pb.SignInResponse), rights.SIGN_IN)
GET_SESSION = call(pb.GetSessionRequest, Only(pb.GetSessionResponse, "session", SESSION), rights.SESSION)
CHANGE_PASSWORD = call(pb.ChangePasswordRequest, Nothing(pb.ChangePasswordResponse), rights.SESSION)
SIGN_OUT = call(pb.SignOutRequest, Nothing(pb.SignOutResponse), rights.SESSION)
BEGIN_WALL = call(pb.BeginWallRequest, Plain(pb.BeginWallResponse), rights.WALL)
ASK_APPROVAL = call(pb.AskApprovalRequest, Plain(pb.AskApprovalResponse), rights.SESSION)
LIST_APPROVALS = call(pb.ListApprovalsRequest, OPEN_APPROVALS, rights.SESSION)
ANSWER_APPROVAL = call(pb.AnswerApprovalRequest, Nothing(pb.AnswerApprovalResponse), rights.SESSION)

LIST_PEOPLE = call(
    people_pb.ListPeopleRequest, Several(people_pb.ListPeopleResponse, "people", PERSON_RECORD), rights.PEOPLE
)
ADD_PERSON = call(people_pb.AddPersonRequest, Text(people_pb.AddPersonResponse, "first_password"), rights.PEOPLE)
CHANGE_PERSON = call(
    people_pb.ChangePersonRequest, Only(people_pb.ChangePersonResponse, "person", PERSON_RECORD), rights.PEOPLE
)
DISABLE_PERSON = call(people_pb.DisablePersonRequest, Nothing(people_pb.DisablePersonResponse), rights.PEOPLE)
RESET_PASSWORD = call(
    people_pb.ResetPasswordRequest, Text(people_pb.ResetPasswordResponse, "first_password"), rights.PEOPLE
)
UNLOCK_PERSON = call(people_pb.UnlockPersonRequest, Plain(people_pb.UnlockPersonResponse), rights.PEOPLE)
TAKE_PASSWORD_PARTS = call(
    people_pb.TakePasswordPartsRequest,
    Several(people_pb.TakePasswordPartsResponse, "parts", PASSWORD_PART),
    rights.PASSWORD_PARTS,
)
