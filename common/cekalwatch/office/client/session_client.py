"""The calls of SessionService: sign-in at this PC. Errors stay grpc.RpcError. Several threads may use it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

from cekalwatch.contract.calls import people
from cekalwatch.contract.codec.approvals import APPROVAL
from cekalwatch.contract.codec.people import PROVIDER, SESSION
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.approvals import Approval, OpenApprovals
from cekalwatch.contract.values.people import PersonSession, ProviderFacts
from cekalwatch.office.client.service_client import DEADLINE_S, Answer, TokenHolder, send
from cekalwatch.v1 import session_pb2, session_service_pb2
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer, request_digest, signed_bytes


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
        answer = self.ask(people.GET_SIGN_IN_METHODS(include_endpoints=with_endpoints), deadline_s=deadline_s)
        return PROVIDER.read(answer.provider) if answer.HasField("provider") else None

    def prove(self, proof: Proof) -> tuple[PersonSession, str]:
        """Return the session of the person whom it proves, and its token, which is not kept."""
        request = _with(proof, session_service_pb2.SignInRequest(purpose=session_pb2.SESSION_PURPOSE_CALLS))
        answer = self.ask(Asked(people.SIGN_IN, request))
        return SESSION.read(answer.session), str(answer.token)

    def countersign(self, proof: Proof, joint: Asked[object]) -> tuple[PersonSession, str]:
        """Let a second person sign; return this person, and the token for that one call."""
        action = session_pb2.TwoPersonAction.Value(f"TWO_PERSON_ACTION_{joint.call.right.action}")
        request = session_service_pb2.SignInRequest(
            purpose=session_pb2.SESSION_PURPOSE_SECOND_PERSON,
            joint_act=session_pb2.JointAct(action=action, request_sha256=request_digest(joint.message)),
        )
        answer = self.ask(Asked(people.SIGN_IN, _with(proof, request)), self.file.token())
        return SESSION.read(answer.session), str(answer.token)

    def ask_approval(self, joint: Asked[object]) -> tuple[Approval, str]:
        """Ask for a second person's signature at another device; return it with the token for that one call."""
        asked = people.ASK_APPROVAL(method=joint.call.path, request=signed_bytes(joint.message))
        answer = self.ask(asked, self.file.token())
        return APPROVAL.read(answer.approval), str(answer.token)

    def approvals(self) -> OpenApprovals:
        """Return what the person may sign here, and what they have asked for."""
        return self.ask(people.LIST_APPROVALS(), self.file.token())

    def answer_approval(self, approval_id: str, request_sha256: bytes, *, sign: bool) -> None:
        """Sign a request whose content has that digest, or refuse it."""
        asked = people.ANSWER_APPROVAL(approval_id=approval_id, request_sha256=request_sha256, sign=sign)
        self.ask(asked, self.file.token())

    def sign_in(self, proof: Proof) -> PersonSession:
        """Sign a person in, and keep the token; raises ProgramError when it cannot be written."""
        session, token = self.prove(proof)
        self.file.keep(token)
        return session

    def whoami(self) -> PersonSession:
        """Return the session of the signed-in person."""
        return self.ask(people.GET_SESSION(), self.file.token())

    def change_password(self, present: str, wanted: str) -> None:
        """Change the password of the signed-in person."""
        self.ask(people.CHANGE_PASSWORD(present_password=present, new_password=wanted), self.file.token())

    def begin_wall(self) -> tuple[PersonSession, str]:
        """Begin a wall for the signed-in person; return its session, and its token, which is not kept."""
        answer = self.ask(people.BEGIN_WALL(), self.file.token())
        return SESSION.read(answer.session), str(answer.token)

    def sign_out(self) -> None:
        """Forget the token at once, and end its session; if the server cannot be reached, the session ends by
        itself."""
        token = self.file.token()
        self.file.forget()
        self.end(token)

    def end(self, token: str) -> None:
        """End the session of a token."""
        self.ask(people.SIGN_OUT(), token)

    def ask(self, asked: Asked[Answer], token: str = "", deadline_s: float = DEADLINE_S) -> Answer:
        """Make a call with a token of a person, or without anybody."""
        with closing(Calls(self._dialer)) as calls:
            return send(calls, asked, bearer(token), deadline_s)


def _with(proof: Proof, request: session_service_pb2.SignInRequest) -> session_service_pb2.SignInRequest:
    match proof:
        case Password(name, password):
            request.password.sign_in_name, request.password.password = name, password
        case Code():
            given = request.authorization_code
            given.code, given.code_verifier, given.nonce = proof.code, proof.verifier, proof.nonce
            given.redirect_uri, given.asked_anew = proof.redirect_uri, True
    return request
