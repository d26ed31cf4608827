"""SessionService: signing in and out. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from cekalwatch.server.auth.sessions import Beside, Sessions
from cekalwatch.server.auth.signing_in.password_provider import PasswordChange
from cekalwatch.server.auth.signing_in.sign_in import PasswordProof, SignInService
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert import session as convert
from cekalwatch.server.grpc_api.workers import PASSWORDS_AT_ONCE, Workers
from cekalwatch.v1 import session_service_pb2 as pb
from cekalwatch.v1 import session_service_pb2_grpc

PROVIDER_AT_ONCE = 4

Context = grpc.aio.ServicerContext[Any, Any]


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """Signs people in and out."""

    def __init__(self, sign_ins: SignInService, changes: PasswordChange, sessions: Sessions) -> None:
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
        """Return the identity provider, as far as it is wanted."""
        if request.include_endpoints:
            facts = await self._provider.do(lambda: self._sign_ins.provider(with_endpoints=True))
        else:
            facts = self._sign_ins.provider(with_endpoints=False)
        return pb.GetSignInMethodsResponse(provider=convert.provider_message(facts) if facts else None)

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Sign a person in, by password or by the identity provider's code."""
        act, proof, caller = convert.joint_act(request), convert.proof(request), current_caller()
        beside = Beside(act, caller.signed_in()) if act else None
        workers = self.passwords if isinstance(proof, PasswordProof) else self._provider
        token, session = await workers.do(lambda: self._sign_ins.sign_in(proof, caller.device, beside))
        idle = None if beside else self._sessions.terms.idle
        return pb.SignInResponse(token=token, session=convert.session_message(session, idle))

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.GetSessionResponse:
        """Return the session of the call."""
        session = current_caller().signed_in()
        return pb.GetSessionResponse(session=convert.session_message(session, self._sessions.terms.idle))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        """Change the password of the person who calls."""
        who = current_caller()
        session = who.signed_in()
        present, wanted = convert.password(request.present_password), convert.password(request.new_password)
        await self.passwords.do(lambda: self._changes.change(session, who.device, present, wanted))
        return pb.ChangePasswordResponse()

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """End the session of the call."""
        who = current_caller()
        await asyncio.to_thread(self._sessions.end, who.signed_in(), who.device)
        return pb.SignOutResponse()
