"""SessionService: signing in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from cekalwatch.contract.codec.approvals import APPROVAL, OPEN_APPROVALS
from cekalwatch.contract.codec.people import PROVIDER, SESSION
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.approvals import APPROVAL_ID, MAX_APPROVAL_BYTES, MAX_METHOD
from cekalwatch.contract.values.people import MAX_SIGN_IN_NAME, PersonSession, TwoPersonAction
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.auth.approvals import ApprovalRequests
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.auth.sessions import SecondSignature, Session, Sessions
from cekalwatch.server.auth.signing_in.passwords import MAX_CHARACTERS, PasswordChange
from cekalwatch.server.auth.signing_in.sign_in import CodeProof, PasswordProof, Proof, SignInService
from cekalwatch.server.domain.people import JointAct, Person
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.workers import PASSWORDS_AT_ONCE, Workers
from cekalwatch.v1 import session_pb2, session_service_pb2_grpc
from cekalwatch.v1 import session_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole

PROVIDER_AT_ONCE = 4
MAX_CODE = 2048
VERIFIER_CHARACTERS = (43, 128)
NONCE_CHARACTERS = (16, 128)
MAX_URI = 512
SHA256_BYTES = 32

_ACTIONS = ProtoEnum(
    session_pb2.TwoPersonAction,
    "TWO_PERSON_ACTION",
    (
        TwoPersonAction.CHANGE_THRESHOLD,
        TwoPersonAction.ACCEPT_SHRUNKEN_LIST,
        TwoPersonAction.EXPORT_AUDIT,
        TwoPersonAction.CHANGE_LAW,
        TwoPersonAction.CHANGE_PEOPLE,
        TwoPersonAction.AMEND_ORDER,
        TwoPersonAction.SET_GATES,
    ),
)
_FOR_CALLS = (session_pb2.SESSION_PURPOSE_UNSPECIFIED, session_pb2.SESSION_PURPOSE_CALLS)


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """Signs people in and out."""

    def __init__(
        self,
        sign_ins: SignInService,
        changes: PasswordChange,
        sessions: Sessions,
        signed_out: Callable[[Person, Actor, str | None], None],
        approvals: ApprovalRequests,
    ) -> None:
        """`signed_out` releases the alerts that the person held at a device, or at all if it has no name; it blocks."""
        self._signed_out = signed_out
        self._approvals = approvals
        self._sign_ins = sign_ins
        self._changes = changes
        self._sessions = sessions
        self.passwords = Workers("passwords", PASSWORDS_AT_ONCE)
        """They hash and compare passwords."""
        self._provider = Workers("provider", PROVIDER_AT_ONCE)

    def close(self) -> None:
        """Wait for sign-ins that are running."""
        self.passwords.close()
        self._provider.close()

    async def GetSignInMethods(
        self, request: pb.GetSignInMethodsRequest, context: Context
    ) -> pb.GetSignInMethodsResponse:
        """Return the requested facts of the identity provider, for the kind of device that asks."""
        native = _is_native(current_caller())
        if request.include_endpoints:
            facts = await self._provider.do(lambda: self._sign_ins.provider(with_endpoints=True, native=native))
        else:
            facts = self._sign_ins.provider(with_endpoints=False, native=native)
        return pb.GetSignInMethodsResponse(provider=PROVIDER.write(facts) if facts else None)

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Sign a person in, by password or by the identity provider's code."""
        caller = current_caller()
        act, proof = _joint_act(request), _proof(request, native=_is_native(caller))
        beside = SecondSignature(act, caller.signed_in()) if act else None
        workers = self.passwords if isinstance(proof, PasswordProof) else self._provider
        token, session = await workers.do(lambda: self._sign_ins.sign_in(proof, caller.device, beside))
        idle = None if beside else self._sessions.terms.idle
        return pb.SignInResponse(token=token, session=_written(session, idle))

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.GetSessionResponse:
        """Return the session of the call."""
        session = current_caller().signed_in()
        return pb.GetSessionResponse(session=_written(session, self._sessions.terms.idle))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        """Change the caller's password."""
        who = current_caller()
        session = who.signed_in()
        present, wanted = _password(request.present_password), _password(request.new_password)
        await self.passwords.do(lambda: self._changes.change(session, who.device, present, wanted))
        return pb.ChangePasswordResponse()

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """End the session of the call."""
        who = current_caller()
        session, agent = who.signed_in(), None if who.on_this_machine else who.identity.name

        def sign_out() -> None:
            self._sessions.end(session, who.device)
            if not session.on_wall:  # its person may be at work here
                self._signed_out(session.person, who.actor, agent)

        await asyncio.to_thread(sign_out)
        return pb.SignOutResponse()

    async def BeginWall(self, request: pb.BeginWallRequest, context: Context) -> pb.BeginWallResponse:
        """Begin a wall for the person of the call."""
        who = current_caller()
        token, session = await asyncio.to_thread(self._sessions.begin_wall, who.signed_in(), who.device)
        return pb.BeginWallResponse(token=token, session=_written(session, None))

    async def AskApproval(self, request: pb.AskApprovalRequest, context: Context) -> pb.AskApprovalResponse:
        """Ask for the signature of a second person at another device."""
        who, asked = current_caller(), request.request
        first = who.signed_in()
        if len(request.method) > MAX_METHOD or len(asked) > MAX_APPROVAL_BYTES:
            raise Refused("method" if len(request.method) > MAX_METHOD else "request")
        token, approval = await asyncio.to_thread(self._approvals.ask, first, who.device, request.method, asked)
        return pb.AskApprovalResponse(token=token, approval=APPROVAL.write(approval))

    async def ListApprovals(self, request: pb.ListApprovalsRequest, context: Context) -> pb.ListApprovalsResponse:
        """Return the requests that concern the person."""
        who = current_caller()
        return OPEN_APPROVALS.write(await asyncio.to_thread(self._approvals.open_for, who.signed_in(), who.device))

    async def AnswerApproval(self, request: pb.AnswerApprovalRequest, context: Context) -> pb.AnswerApprovalResponse:
        """Sign a request of somebody else, or refuse it."""
        who = current_caller()
        session, read = who.signed_in(), request.request_sha256.hex()
        if len(request.approval_id) > APPROVAL_ID or len(request.request_sha256) != SHA256_BYTES:
            raise Refused("approval_id" if len(request.approval_id) > APPROVAL_ID else "request_sha256")
        key, sign = request.approval_id, request.sign
        await asyncio.to_thread(lambda: self._approvals.answer(key, read, session, who.device, sign=sign))
        return pb.AnswerApprovalResponse()


def _joint_act(request: pb.SignInRequest) -> JointAct | None:
    """Read what a second person signs; None means that a session is requested."""
    given = request.joint_act if request.HasField("joint_act") else None
    if request.purpose in _FOR_CALLS and given is None:
        return None
    if request.purpose != session_pb2.SESSION_PURPOSE_SECOND_PERSON:
        raise Refused("purpose")
    action = _ACTIONS.member(given.action) if given else None
    if given is None or action is None or len(given.request_sha256) != SHA256_BYTES:
        raise Refused("joint_act")
    return JointAct(action, given.request_sha256.hex())


def _is_native(caller: Caller) -> bool:
    """Whether an officer's PC calls, by its certificate: what its program says is not believed."""
    return caller.identity.role is DeviceRole.NOTIFIER


def _proof(request: pb.SignInRequest, *, native: bool) -> Proof:
    """Read the proof of a person's identity; `native`: from an officer's PC."""
    match request.WhichOneof("proof"):
        case "password":
            given = request.password
            return PasswordProof(
                _text(given.sign_in_name, "sign_in_name", 1, MAX_SIGN_IN_NAME), _password(given.password)
            )
        case "authorization_code":
            code = request.authorization_code
            return CodeProof(
                _text(code.code, "code", 1, MAX_CODE),
                _text(code.code_verifier, "code_verifier", *VERIFIER_CHARACTERS),
                _text(code.redirect_uri, "redirect_uri", 1, MAX_URI),
                _text(code.nonce, "nonce", *NONCE_CHARACTERS),
                code.asked_anew,
                native,
            )
        case _:
            raise Refused("proof")


def _password(value: str) -> str:
    """Read a password when it is too long."""
    return _text(value, "password", 0, MAX_CHARACTERS)


def _text(value: str, field: str, least: int, most: int) -> str:
    # The entered text must not reach the log, so the detail is only the field's name.
    if not least <= len(value) <= most:
        raise Refused(field)
    return value


def _written(session: Session, idle: timedelta | None) -> session_pb2.Session:
    """Write a session; `idle` is None for a second person and a wall."""
    person = session.person
    return SESSION.write(
        PersonSession(
            str(person.person_id),
            person.display_name,
            person.roles,
            session.expires_at,
            idle,
            session.password_change_needed,
            tuple(sorted(person.sites)),
            by_provider=not session.by_password,
        )
    )
