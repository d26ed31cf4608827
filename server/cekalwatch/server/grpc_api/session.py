"""SessionService: signing in and out. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc

from cekalwatch.server.auth.sessions import Beside, Sessions
from cekalwatch.server.auth.signing_in.password_provider import PasswordChange
from cekalwatch.server.auth.signing_in.sign_in import PasswordProof, SignInService
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert import session as convert
from cekalwatch.v1 import session_service_pb2 as pb
from cekalwatch.v1 import session_service_pb2_grpc

PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and a core for a tenth of a second, and recognition must not wait."""
PROVIDER_AT_ONCE = 4
MAX_WAITING = 32

Context = grpc.aio.ServicerContext[Any, Any]
_T = TypeVar("_T")


class _Workers:
    """Workers with a queue of bounded length; only the event loop's thread uses it."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._inside = 0

    async def do(self, work: Callable[[], _T]) -> _T:
        """Run blocking `work` and return its result; raises SIGN_IN_BUSY when too many wait."""
        if self._inside >= MAX_WAITING:
            raise CekalwatchError(Code.SIGN_IN_BUSY)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._inside -= 1

    def close(self) -> None:
        """Wait for running work."""
        self._pool.shutdown()


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """Signs people in and out."""

    def __init__(self, sign_ins: SignInService, changes: PasswordChange, sessions: Sessions) -> None:
        self._sign_ins = sign_ins
        self._changes = changes
        self._sessions = sessions
        self._passwords = _Workers("passwords", PASSWORDS_AT_ONCE)
        self._provider = _Workers("provider", PROVIDER_AT_ONCE)

    def close(self) -> None:
        """Wait for sign-ins that are running."""
        self._passwords.close()
        self._provider.close()

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        """Sign a person in, by password or by the identity provider's code."""
        act, proof, caller = convert.joint_act(request), convert.proof(request), current_caller()
        beside = Beside(act, caller.signed_in()) if act else None
        workers = self._passwords if isinstance(proof, PasswordProof) else self._provider
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
        await self._passwords.do(lambda: self._changes.change(session, who.device, present, wanted))
        return pb.ChangePasswordResponse()

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        """End the session of the call."""
        who = current_caller()
        await asyncio.to_thread(self._sessions.end, who.signed_in(), who.device)
        return pb.SignOutResponse()
