"""The calls of SessionService: sign-in at this PC. Errors stay grpc.RpcError. Several threads may use it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from cekalwatch.contract.codec.approvals import APPROVAL, OPEN_APPROVALS
from cekalwatch.contract.codec.people import PROVIDER, SESSION
from cekalwatch.contract.values.approvals import Approval, OpenApprovals
from cekalwatch.contract.values.people import PersonSession, ProviderFacts
from cekalwatch.office.client.service_client import TokenHolder
from cekalwatch.v1 import session_pb2, session_service_pb2
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer, method_of, request_digest, signed_bytes


@dataclass(frozen=True)
class Password:
    """A name and a password, as they were typed."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """A code that an identity provider issued after authenticating the person again."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    redirect_uri: str


Proof = Password | Code


DEADLINE_S = 15.0
"""A sign-in may have to wait for others."""


@dataclass(frozen=True)
class JointRequest:
    """The request of a call of two people. Code that passes it on need not know its content."""

    action: session_pb2.TwoPersonAction.ValueType
    request: Message


class SessionClient:
    """Signs people in and out at a desk. Its calls are rare: each opens a channel, with the newest certificate."""

    def __init__(self, dialer: Dialer, file: TokenHolder) -> None:
        """`file` contains the token of the signed-in person."""
        self._dialer = dialer
        self.file = file

    @property
    def addresses(self) -> str:
        """Where the servers are, in words."""
        return ", ".join(self._dialer.servers.addresses)

    def why_refused(self) -> str:
        """Return why no connection is possible, or an empty text when certificates are not the reason."""
        return self._dialer.why_refused()

    def provider(self, *, with_endpoints: bool, deadline_s: float = DEADLINE_S) -> ProviderFacts | None:
        """Return the identity provider of the server, or None; its endpoints are requested only if needed."""
        request = session_service_pb2.GetSignInMethodsRequest(include_endpoints=with_endpoints)
        answer = self._call(lambda stub: stub.GetSignInMethods, request, deadline_s=deadline_s)
        return PROVIDER.read(answer.provider) if answer.HasField("provider") else None

    def prove(self, proof: Proof) -> tuple[PersonSession, str]:
        """Return the session of the person whom it proves, and its token, which is not kept."""
        request = _with(proof, session_service_pb2.SignInRequest(purpose=session_pb2.SESSION_PURPOSE_CALLS))
        answer = self._call(lambda stub: stub.SignIn, request)
        return SESSION.read(answer.session), str(answer.token)

    def countersign(self, proof: Proof, joint: JointRequest) -> tuple[PersonSession, str]:
        """Let a second person sign; return this person, and the token for that one call."""
        asked = session_service_pb2.SignInRequest(
            purpose=session_pb2.SESSION_PURPOSE_SECOND_PERSON,
            joint_act=session_pb2.JointAct(action=joint.action, request_sha256=request_digest(joint.request)),
        )
        answer = self._call(lambda stub: stub.SignIn, _with(proof, asked), self.file.token())
        return SESSION.read(answer.session), str(answer.token)

    def ask_approval(self, joint: JointRequest) -> tuple[Approval, str]:
        """Ask for a second person's signature at another device; return it with the token for that one call."""
        asked = session_service_pb2.AskApprovalRequest(
            method=method_of(joint.request), request=signed_bytes(joint.request)
        )
        answer = self._call(lambda stub: stub.AskApproval, asked, self.file.token())
        return APPROVAL.read(answer.approval), str(answer.token)

    def approvals(self) -> OpenApprovals:
        """Return what the person may sign here, and what they have asked for."""
        request = session_service_pb2.ListApprovalsRequest()
        return OPEN_APPROVALS.read(self._call(lambda stub: stub.ListApprovals, request, self.file.token()))

    def answer_approval(self, approval_id: str, request_sha256: bytes, *, sign: bool) -> None:
        """Sign a request whose content has that digest, or refuse it."""
        request = session_service_pb2.AnswerApprovalRequest(
            approval_id=approval_id, request_sha256=request_sha256, sign=sign
        )
        self._call(lambda stub: stub.AnswerApproval, request, self.file.token())

    def sign_in(self, proof: Proof) -> PersonSession:
        """Sign a person in, and keep the token; raises ProgramError when it cannot be written."""
        session, token = self.prove(proof)
        self.file.keep(token)
        return session

    def whoami(self) -> PersonSession:
        """Return the session of the signed-in person."""
        answer = self._call(lambda stub: stub.GetSession, session_service_pb2.GetSessionRequest(), self.file.token())
        return SESSION.read(answer.session)

    def change_password(self, present: str, wanted: str) -> None:
        """Change the password of the signed-in person."""
        request = session_service_pb2.ChangePasswordRequest(present_password=present, new_password=wanted)
        self._call(lambda stub: stub.ChangePassword, request, self.file.token())

    def begin_wall(self) -> tuple[PersonSession, str]:
        """Begin a wall for the signed-in person; return its session, and its token, which is not kept."""
        answer = self._call(lambda stub: stub.BeginWall, session_service_pb2.BeginWallRequest(), self.file.token())
        return SESSION.read(answer.session), str(answer.token)

    def sign_out(self) -> None:
        """Forget the token at once, and end its session; if the server cannot be reached, the session ends by
        itself."""
        token = self.file.token()
        self.file.forget()
        self.end(token)

    def end(self, token: str) -> None:
        """End the session of a token."""
        self._call(lambda stub: stub.SignOut, session_service_pb2.SignOutRequest(), token)

    def _call(
        self,
        method: Callable[[SessionServiceStub], Callable[..., Any]],
        request: object,
        token: str = "",
        deadline_s: float = DEADLINE_S,
    ) -> Any:  # noqa: ANN401  # each method has an answer of its own
        with closing(Calls(self._dialer)) as calls:
            return calls.make(
                lambda channel, left_s: method(SessionServiceStub(channel))(
                    request, timeout=left_s, metadata=bearer(token)
                ),
                deadline_s,
            )


def _with(proof: Proof, request: session_service_pb2.SignInRequest) -> session_service_pb2.SignInRequest:
    match proof:
        case Password(name, password):
            request.password.sign_in_name, request.password.password = name, password
        case Code():
            given = request.authorization_code
            given.code, given.code_verifier, given.nonce = proof.code, proof.verifier, proof.nonce
            given.redirect_uri, given.asked_anew = proof.redirect_uri, True
    return request
