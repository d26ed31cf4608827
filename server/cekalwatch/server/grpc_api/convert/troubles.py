"""Messages of the trouble service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.troubles import Trouble
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.server.grpc_api.convert.common import uuid as read_uuid
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.health.alarms.feed import OpenAlarms
from cekalwatch.v1 import adjudication_pb2, trouble_pb2, trouble_service_pb2

DEFAULT_PAGE = 20
_KINDS = ProtoEnum(trouble_pb2.TroubleKind, "TROUBLE_KIND", TroubleKind)


def trouble_id(value: str) -> UUID:
    """Read a trouble's key; raises TROUBLE_NOT_FOUND, since no trouble has a key of another form."""
    found = read_uuid(value)
    if found is None:
        raise CekalwatchError(Code.TROUBLE_NOT_FOUND)
    return found


def trouble_page_token(token: str) -> UUID | None:
    """Read the token of a page of troubles; raises PAGE_TOKEN_INVALID."""
    found = read_uuid(token)
    if token and found is None:
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return found


def begin_from(request: trouble_service_pb2.ListTroublesRequest) -> datetime | None:
    """Read from when on troubles are listed; raises ARGUMENT_INVALID."""
    if not request.HasField("begin_from"):
        return None
    try:
        return request.begin_from.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise CekalwatchError(Code.ARGUMENT_INVALID, "begin_from") from None


def trouble_message(trouble: Trouble) -> trouble_pb2.Trouble:
    """Write a trouble."""
    fault, seen = trouble.fault, trouble.acknowledged
    message = trouble_pb2.Trouble(
        trouble_id=str(trouble.trouble_id),
        kind=_KINDS.number(fault.kind),
        about=fault.about,
        site=fault.site,
        counter=fault.counter,
        begin_time=timestamp(trouble.began_at),
        end_time=timestamp(trouble.ended_at) if trouble.ended_at else None,
        details=fault.details,
    )
    if seen:
        message.acknowledge_time.CopyFrom(timestamp(seen.at))
        message.acknowledged_by.CopyFrom(
            adjudication_pb2.PersonReference(person_id=str(seen.person_id), display_name=seen.display_name)
        )
    return message


def watch_response(news: OpenAlarms | Trouble | None, now: datetime) -> trouble_service_pb2.WatchTroublesResponse:
    """Write what a watcher is told; None: nothing changed for a while."""
    match news:
        case None:
            return trouble_service_pb2.WatchTroublesResponse(server_time=timestamp(now))
        case Trouble():
            return trouble_service_pb2.WatchTroublesResponse(changed=trouble_message(news))
        case _:
            found = trouble_service_pb2.OpenTroubles(troubles=[trouble_message(one) for one in news])
            return trouble_service_pb2.WatchTroublesResponse(open=found)


def trouble_page(found: Sequence[Trouble], limit: int) -> trouble_service_pb2.ListTroublesResponse:
    """Write a page of troubles."""
    troubles, more = page((trouble_message(one) for one in found), len(found), limit)
    token = troubles[-1].trouble_id if more else ""
    return trouble_service_pb2.ListTroublesResponse(troubles=troubles, next_page_token=token)
