"""What a refused call means, in words for the person who made it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.locale.translations import Language, translate
from cekalwatch.notifier.model.text import safe_text
from cekalwatch.program.errors import ProgramError

PREFIX = "REFUSED_"

UNREACHABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
SESSION_OVER = frozenset({"SIGN_IN_NEEDED", "SESSION_ENDED"})
"""Reasons after which the person has to sign in again."""


Failure = grpc.RpcError | ProgramError
"""Why something did not succeed: the server's word, or this PC's."""


def explain(error: Failure, language: Language) -> str:
    """Return why it did not succeed, and what can be done about it."""
    if isinstance(error, ProgramError):
        return str(error)
    if error.code() in UNREACHABLE:
        return translate(Phrase.REFUSED_UNREACHABLE, language)
    reason, details = _info(error)
    if reason == "ALERT_HELD" and details.get("holder"):
        return translate(Phrase.REFUSED_ALERT_HELD_BY, language, holder=safe_text(details["holder"]))
    name = f"{PREFIX}{reason}"
    if reason and name in Phrase.__members__:
        return translate(Phrase(name), language)
    return translate(Phrase.REFUSED_FAILED, language, code=reason or error.code().name)


def error_reason(error: Failure) -> str:
    """Return the code of the error catalogue that came with `error`, or an empty text."""
    return "" if isinstance(error, ProgramError) else _info(error)[0]


def _info(error: grpc.RpcError) -> tuple[str, Mapping[str, str]]:
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # the details contradict the status: as good as none
        return "", MappingProxyType({})
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return str(info.reason), dict(info.metadata)
    return "", MappingProxyType({})
