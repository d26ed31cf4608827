"""The errors of this library. Each says what is wrong, and what whoever called can do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, ParamSpec, TypeVar

import grpc

from cekalwatch.office.client.refusals import refusal_of
from cekalwatch.wire.calls import told_by

_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


class SetUpError(Exception):
    """An address, a certificate or a key cannot be used; the text says which, and what would be right."""


class CallError(Exception):
    """A call did not succeed."""

    what_to_do: ClassVar[str]
    """A sentence."""

    def __init__(self, code: str, reason: str, details: Mapping[str, str]) -> None:
        super().__init__(f"{reason.rstrip('.')} ({code}). {self.what_to_do}")
        self.code = code
        """Code of the server's error catalogue, such as ALERT_HELD, or gRPC's name of the status."""
        self.reason = reason
        """The server's own words."""
        self.details = details
        """What the server says with the code, by name: `holder` with ALERT_HELD."""


class UnreachableError(CallError):
    """No server answered in time, or the server cannot serve now."""

    what_to_do = (
        "Check address and network, and try again later. The call may have been carried out all the same: "
        "read the present state before you repeat it."
    )


class SignInNeededError(CallError):
    """The call needs a signed-in person, or the session has ended."""

    what_to_do = "Sign in with Client.sign_in and call again."


class NotAllowedError(CallError):
    """This person or this device has no right to the call."""

    what_to_do = "Ask the administrator for a person or a device with the right; repeating the call does not help."


class NotFoundError(CallError):
    """There is no such thing, or it is not stored any more."""

    what_to_do = "List anew; it may have been removed."


class ChangedMeanwhileError(CallError):
    """The call does not fit the present state: somebody else was faster, or a step is missing."""

    what_to_do = "Read the present state, and decide anew."


class InvalidRequestError(CallError):
    """A value of the call is out of its bounds."""

    what_to_do = "Correct the values of the call; repeating it does not help."


class TooManyCallsError(CallError):
    """This device calls too often, or sends too much."""

    what_to_do = "Wait some seconds, and call less often."


class ServerFaultError(CallError):
    """The server failed."""

    what_to_do = "Tell the administrator: the server's log has the reason."


_BY_STATUS: Mapping[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.UNAVAILABLE: UnreachableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnreachableError,
    grpc.StatusCode.CANCELLED: UnreachableError,
    grpc.StatusCode.UNAUTHENTICATED: SignInNeededError,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.FAILED_PRECONDITION: ChangedMeanwhileError,
    grpc.StatusCode.ABORTED: ChangedMeanwhileError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooManyCallsError,
}


def explained(error: grpc.RpcError) -> CallError:
    """Return the library's error for gRPC's."""
    refusal = refusal_of(error)
    return _BY_STATUS.get(error.code(), ServerFaultError)(refusal.code, told_by(error), refusal.details)


@contextmanager
def explaining() -> Iterator[None]:
    """Raise the library's errors for gRPC's within the block."""
    try:
        yield
    except grpc.RpcError as error:
        raise explained(error) from error


def explains(call: Callable[_Parameters, _Answer]) -> Callable[_Parameters, _Answer]:
    """Return a call that raises the library's errors."""
    return explaining()(call)
