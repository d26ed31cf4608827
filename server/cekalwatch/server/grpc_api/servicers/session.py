"""Signing in and out, and signatures of second people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cekalwatch.contract.calls import people as calls
from cekalwatch.contract.codec.approvals import APPROVAL
from cekalwatch.contract.codec.people import PROVIDER, SESSION
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.approvals import APPROVAL_ID, MAX_APPROVAL_BYTES, MAX_METHOD, Approval, OpenApprovals
from cekalwatch.contract.values.people import (
    MAX_SIGN_IN_NAME,
    PersonSession,
    TwoPersonAction,
)
from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.auth.approvals import ApprovalRequests
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.auth.sessions import SecondSignature, Session, Sessions
from cekalwatch.server.auth.signing_in.passwords import MAX_CHARACTERS, PasswordChange
from cekalwatch.server.auth.signing_in.sign_in import CodeProof, PasswordProof, Proof, SignInService
from cekalwatch.server.domain.people import JointAct, Person
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.guard import seen_by
from cekalwatch.server.grpc_api.messages import require
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.workers import PASSWORDS_AT_ONCE, Workers
from cekalwatch.v1 import session_pb2
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
        TwoPersonAction.CHANGE_CAMERAS,
        TwoPersonAction.SET_EXERCISES,
    ),
)
_FOR_CALLS = (session_pb2.SESSION_PURPOSE_UNSPECIFIED, session_pb2.SESSION_PURPOSE_CALLS)


class SessionCalls:
    """Signs people in and out."""

    def __init__(
        self,
        sign_ins: SignInService,
        changes: PasswordChange,
        sessions: Sessions,
        signed_out: Callable[[Person, Actor, str | None], None],
        approvals: ApprovalRequests,
        foresee: Callable[[str, bytes], Silencing],
    ) -> None:
        """`signed_out` releases the alerts that the person held at a device, or at all if it has no name; it blocks.

        `foresee` says what a request of a method would silence, and blocks.
        """
        self._foresee = foresee
        self._signed_out = signed_out
        self._approvals = approvals
        self._sign_ins = sign_ins
        self._changes = changes
        self._sessions = sessions
        self.passwords = Workers("passwords", PASSWORDS_AT_ONCE)
        """They hash and compare passwords."""
        self._provider = Workers("provider", PROVIDER_AT_ONCE)

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.GET_SIGN_IN_METHODS, self._methods),
            serve(calls.SIGN_IN, self._sign_in),
            serve(calls.GET_SESSION, self._session),
            serve(calls.CHANGE_PASSWORD, self._change_password),
            serve(calls.SIGN_OUT, self._sign_out),
            serve(calls.BEGIN_WALL, self._begin_wall),
            serve(calls.ASK_APPROVAL, self._ask),
            serve(calls.LIST_APPROVALS, self._asked),
            serve(calls.ANSWER_APPROVAL, self._answer),
        )

    def close(self) -> None:
        """Wait for sign-ins that are running."""
        self.passwords.close()
        self._provider.close()

    async def _methods(self, request: pb.GetSignInMethodsRequest) -> pb.GetSignInMethodsResponse:
        """Return the requested facts of the identity provider, for the kind of device that asks."""
        native = _is_native(current_caller())
        if request.include_endpoints:
            facts = await self._provider.do(lambda: self._sign_ins.provider(with_endpoints=True, native=native))
        else:
            facts = self._sign_ins.provider(with_endpoints=False, native=native)
        return pb.GetSignInMethodsResponse(provider=PROVIDER.write(facts) if facts else None)

    async def _sign_in(self, request: pb.SignInRequest) -> pb.SignInResponse:
        """Sign a person in, by password or by the identity provider's code."""
        caller = current_caller()
        act, proof = _joint_act(request), _proof(request, native=_is_native(caller))
        beside = SecondSignature(act, caller.signed_in()) if act else None
        workers = self.passwords if isinstance(proof, PasswordProof) else self._provider
        token, session = await workers.do(lambda: self._sign_ins.sign_in(proof, caller.device, beside))
        idle = None if beside else self._sessions.terms.idle
        return pb.SignInResponse(token=token, session=SESSION.write(_told(session, idle)))

    def _session(self, _: pb.GetSessionRequest) -> PersonSession:
        return _told(current_caller().signed_in(), self._sessions.terms.idle)

    async def _change_password(self, request: pb.ChangePasswordRequest) -> None:
        who = current_caller()
        session = who.signed_in()
        present, wanted = _password(request.present_password), _password(request.new_password)
        await self.passwords.do(lambda: self._changes.change(session, who.device, present, wanted))

    def _sign_out(self, _: pb.SignOutRequest) -> None:
        who = current_caller()
        session = who.signed_in()
        self._sessions.end(session, who.device)
        if not session.on_wall:  # its person may be at work here
            self._signed_out(session.person, who.actor, None if who.on_this_machine else who.identity.name)

    def _begin_wall(self, _: pb.BeginWallRequest) -> pb.BeginWallResponse:
        who = current_caller()
        token, session = self._sessions.begin_wall(who.signed_in(), who.device)
        return pb.BeginWallResponse(token=token, session=SESSION.write(_told(session, None)))

    def _ask(self, request: pb.AskApprovalRequest) -> pb.AskApprovalResponse:
        """Ask for the signature of a second person at another device."""
        who, asked = current_caller(), request.request
        require(len(request.method) <= MAX_METHOD, "method")
        require(len(asked) <= MAX_APPROVAL_BYTES, "request")
        token, approval = self._approvals.ask(who.signed_in(), who.device, request.method, asked)
        approval = self._shown(approval, who)
        return pb.AskApprovalResponse(token=token, approval=APPROVAL.write(approval))

    def _asked(self, _: pb.ListApprovalsRequest) -> OpenApprovals:
        """Return the requests that concern the person."""
        who = current_caller()
        found = self._approvals.open_for(who.signed_in(), who.device)
        waiting, asked = (tuple(self._shown(one, who) for one in some) for some in (found.waiting, found.asked))
        return OpenApprovals(waiting, asked)

    def _shown(self, approval: Approval, who: Caller) -> Approval:
        """Return a request with what it would silence."""
        return replace(approval, silences=seen_by(who, self._foresee(approval.method, approval.request)))

    def _answer(self, request: pb.AnswerApprovalRequest) -> None:
        """Sign a request of somebody else, or refuse it."""
        who = current_caller()
        session, key, read = who.signed_in(), request.approval_id, request.request_sha256
        require(len(key) <= APPROVAL_ID, "approval_id")
        require(len(read) == SHA256_BYTES, "request_sha256")
        self._approvals.answer(key, read.hex(), session, who.device, sign=request.sign)


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


def _told(session: Session, idle: timedelta | None) -> PersonSession:
    """Return what a person is told of their session; `idle` is None for a second person and a wall."""
    person = session.person
    return PersonSession(
        str(person.person_id),
        person.display_name,
        person.roles,
        session.expires_at,
        idle,
        session.password_change_needed,
        tuple(sorted(person.sites)),
        by_provider=not session.by_password,
    )
