"""Requests for a second person's signature, and the values of the request that they sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.values.approvals import Approval, OpenApprovals, SignedValue
from cekalwatch.contract.values.silencing import SilencedOrder, Silencing

# The services that have methods for two people, for the pool.
from cekalwatch.v1 import (  # noqa: F401
    approval_pb2,
    audit_service_pb2,
    camera_service_pb2,
    device_service_pb2,
    operations_service_pb2,
    people_service_pb2,
    session_service_pb2,
    shift_service_pb2,
    watchlist_service_pb2,
)

_SILENCED_ORDER = Codec(SilencedOrder, approval_pb2.SilencedOrder, names={"at": "start_time"})
_SILENCING = Codec(Silencing, approval_pb2.Silencing, parts=(_SILENCED_ORDER,))
APPROVAL = Codec(
    Approval,
    approval_pb2.Approval,
    parts=(_SILENCING,),
    names={
        "first": "first_person",
        "asked_at": "ask_time",
        "expires_at": "expire_time",
        "second": "second_person",
    },
)
OPEN_APPROVALS = Codec(OpenApprovals, session_service_pb2.ListApprovalsResponse, parts=(APPROVAL,))


def signed_values(approval: Approval) -> tuple[SignedValue, ...] | None:
    """Return every value of the request; None where this program does not know all of them: nobody should sign then."""
    service, _, name = approval.method.removeprefix("/").partition("/")
    try:
        method = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)()
        request.MergeFromString(approval.request)
    except (KeyError, DecodeError):
        return None
    request.DiscardUnknownFields()
    return tuple(_values(request)) if request.SerializeToString(deterministic=True) == approval.request else None


def _values(message: Message, within: str = "") -> Iterator[SignedValue]:
    for field in message.DESCRIPTOR.fields:
        name, value = f"{within}{field.name}", getattr(message, field.name)
        if field.has_presence and not message.HasField(field.name):
            continue
        if field.message_type and not field.is_repeated:
            yield from _values(value, f"{name}.")
        else:
            yield SignedValue(name, tuple(_word(field, one) for one in (value if field.is_repeated else [value])))


def _word(field: Any, value: Any) -> str | bool:  # noqa: ANN401  # descriptors have two types in the stubs
    if field.enum_type:
        found = field.enum_type.values_by_number.get(value)
        return str(found.name if found else value)
    if field.message_type:
        return "; ".join(f"{one.name} {', '.join(map(str, one.words))}" for one in _values(value))
    if isinstance(value, float):  # of 32 bits, with the digits that they have
        return f"{value:.7g}"
    return value if isinstance(value, bool) else str(value)
