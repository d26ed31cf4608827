"""Texts for refused calls, for the person who made them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.connection import Refusal
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.translations import Texts

UNREACHABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
SESSION_OVER = frozenset({"SIGN_IN_NEEDED", "SESSION_ENDED"})
"""Reasons after which the person must sign in again."""
PERSON_REFUSED = SESSION_OVER | {"PASSWORD_CHANGE_NEEDED", "PERSON_ROLE_NEEDED", "PERSON_SITE_NOT_ALLOWED"}
"""Reasons for which a call with a person's token is refused that a device alone may make."""
OTHERS_AWAY = frozenset({"PORT_AWAY", "PROVIDER_UNAVAILABLE"})
"""The server answers, but the other system that it asked does not."""

MAX_ORDERS_TOLD = 1000

Failure = grpc.RpcError | ProgramError
"""Why something did not succeed: the server's answer, or a problem on this PC."""


def explain(error: Failure, texts: Texts) -> str:
    """Return why it did not succeed, and what can be done about it."""
    if isinstance(error, ProgramError):
        return str(error)
    reason, details = _info(error)
    if error.code() in UNREACHABLE and reason not in OTHERS_AWAY:
        return texts.say("REFUSED_UNREACHABLE")
    if reason == "ALERT_HELD" and details.get("holder"):
        return texts.say("REFUSED_ALERT_HELD_BY", holder=safe_text(details["holder"]))
    if reason == "FOLLOW_UP_MISSING" and details.get("agencies"):
        return texts.say("REFUSED_AGENCIES_OWED", agencies=safe_text(details["agencies"]))
    if reason == "PERSON_ROLE_NEEDED" and (roles := roles_needed(error, texts)):
        return texts.say("REFUSED_ROLE_NEEDED", roles=roles)
    if reason == "SILENCES_ORDERS":
        orders = safe_text(details.get("orders", "") or details.get("what", "?"), MAX_ORDERS_TOLD)
        return texts.say("REFUSED_SILENCES", count=safe_text(details.get("count", "?")), orders=orders)
    if f"REFUSED_{reason}" in texts:
        return texts.say(f"REFUSED_{reason}", **told(details))
    if error.code() in UNREACHABLE:
        return texts.say("REFUSED_UNREACHABLE")
    return texts.say("REFUSED_FAILED", code=reason or error.code().name)


def roles_needed(error: grpc.RpcError, texts: Texts) -> str:
    """Return who can do it, in words: roles that the server names, without those that only a newer one knows."""
    wanted = _info(error)[1].get("roles", "").split(",")
    return ", ".join(texts.say(f"ROLE_{role}") for role in PersonRole if role in wanted)


def meaning(code: str, texts: Texts) -> str:
    """Return the text for a code of the server's error catalogue about a record, a photograph or a source."""
    return texts.say(f"REFUSED_{code}") if f"REFUSED_{code}" in texts else code


def told(details: Mapping[str, str]) -> dict[str, str]:
    """Return what the server may say with a refusal, for the texts that name it."""
    return {name: safe_text(details.get(name, "?")) for name in ("holder", "counters", "known", "detail", "server")}


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return the code of the error catalogue, or gRPC's, with the server's details."""
    reason, details = _info(error)
    return Refusal(safe_text(reason) or error.code().name, MappingProxyType(told(details)))


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
