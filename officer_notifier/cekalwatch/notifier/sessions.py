"""The calls of SessionService: who is at this PC. Errors become ProgramError with words in the officer's language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import grpc

from cekalwatch.notifier.refusals import error_reason
from cekalwatch.notifier.translations import Language, Phrase, translate
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit
from cekalwatch.program.session_file import SessionFile
from cekalwatch.v1 import session_pb2
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import Metadata, bearer

DEADLINE_S = 15.0
"""A sign-in may have to wait for others'."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class SignedIn:
    """Somebody who is signed in."""

    display_name: str
    roles: tuple[str, ...]
    until: datetime
    """When the session ends, however much it is used; aware."""
    password_change_needed: bool


class SessionClient:
    """Signs people in and out on this PC."""

    def __init__(self, dialer: Dialer, file: SessionFile, language: Language) -> None:
        self._dialer = dialer
        self._channel = dialer.channel()
        self._stub = SessionServiceStub(self._channel)
        self._file = file
        self._language = language

    def close(self) -> None:
        """End every call."""
        self._channel.close()

    def sign_in(self, name: str, password: str) -> SignedIn:
        """Sign in with a password, and keep the token; raises ProgramError."""
        request = messages.SignInRequest(
            purpose=session_pb2.SESSION_PURPOSE_CALLS,
            password=messages.PasswordProof(sign_in_name=name, password=password),
        )
        answer = self._do(lambda: self._stub.SignIn(request, timeout=DEADLINE_S))
        self._file.keep(answer.token)
        return _signed_in(answer.session)

    def whoami(self) -> SignedIn:
        """Return who is signed in; raises ProgramError when nobody is."""
        request, metadata = messages.GetSessionRequest(), self._metadata()
        answer = self._do(lambda: self._stub.GetSession(request, timeout=DEADLINE_S, metadata=metadata))
        return _signed_in(answer.session)

    def change_password(self, present: str, wanted: str) -> None:
        """Change the password of who is signed in; raises ProgramError."""
        request = messages.ChangePasswordRequest(present_password=present, new_password=wanted)
        metadata = self._metadata()
        self._do(lambda: self._stub.ChangePassword(request, timeout=DEADLINE_S, metadata=metadata))

    def sign_out(self) -> None:
        """End the session, and forget the token in any case; raises ProgramError when the server was not told."""
        metadata = self._metadata()
        self._file.forget()
        self._do(lambda: self._stub.SignOut(messages.SignOutRequest(), timeout=DEADLINE_S, metadata=metadata))

    def _metadata(self) -> Metadata:
        return bearer(self._file.token())

    def _do(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except grpc.RpcError as error:
            raise self._problem(error) from None

    def _problem(self, error: grpc.RpcError) -> ProgramError:
        reason = error_reason(error)
        phrase = f"REFUSED_{reason}"
        if phrase in set(Phrase):
            return ProgramError(translate(Phrase(phrase), self._language), Exit.REFUSED)
        if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
            why = self._dialer.why_refused() or error.details()
            words = translate(Phrase.CAUSE_UNREACHABLE, self._language)
            return ProgramError(f"{self._dialer.address}: {words} ({why})", Exit.UNAVAILABLE)
        return ProgramError(str(error.details()), Exit.REFUSED if reason else Exit.FAILED)


def _signed_in(session: session_pb2.Session) -> SignedIn:
    return SignedIn(
        display_name=session.display_name,
        roles=tuple(session_pb2.PersonRole.Name(role).removeprefix("PERSON_ROLE_") for role in session.roles),
        until=session.expire_time.ToDatetime(tzinfo=UTC),
        password_change_needed=session.password_change_needed,
    )
