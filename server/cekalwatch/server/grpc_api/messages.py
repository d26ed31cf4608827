"""What requests and answers share: single fields, pages that fit into a message, and one request in time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from cekalwatch.contract.engine.scalars import Refused, moment, read_uuid
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.errors import Context, abort_with
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_PAGE, MAX_WORD
from cekalwatch.wire.identity import KEY_PATTERN

KEY = re.compile(KEY_PATTERN)


def require(holds: object, field: str) -> None:
    """Raise Refused for a field that breaks its bound."""
    if not holds:
        raise Refused(field)


def text(value: str, field: str, most: int = MAX_WORD) -> str:
    """Read a short text for the log; raises Refused when it is long or has control characters."""
    require(len(value) <= most and value.isprintable(), field)
    return value


def optional_moment(request: Message, field: str) -> datetime | None:
    """Read a time that need not be given; raises Refused."""
    try:
        return moment(getattr(request, field)) if request.HasField(field) else None
    except (ValueError, OverflowError):
        raise Refused(field) from None


def uuid(value: str) -> UUID | None:
    """Read a UUID in lower case with hyphens; None for anything else, also for other forms that `UUID` accepts."""
    try:
        return read_uuid(value)
    except ValueError:
        return None


ANSWER_FRAME_BYTES = 1024
"""Bytes for the fields of an answer other than its list."""
FIELD_FRAME_BYTES = 8
M = TypeVar("M", bound=Message)


def page_size(value: int, *, default: int) -> int:
    """Read a page size, 0 meaning `default`; raises Refused beyond 100."""
    require(value <= MAX_PAGE, "page_size")
    return value or default


def page(messages: Iterable[M], count: int, limit: int) -> tuple[list[M], bool]:
    """Return the first of `count` messages that fit into an answer, and whether the next page may have more."""
    found = fitting(messages)
    return found, count == limit or len(found) < count


def fitting(messages: Iterable[M], room: int = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES) -> list[M]:
    """Return the first of the messages that fit into `room` bytes of an answer, at least one if there is any."""
    found: list[M] = []
    for message in messages:
        room -= message.ByteSize() + FIELD_FRAME_BYTES
        if found and room < 0:
            break
        found.append(message)
    return found


REQUEST_S = 10.0
"""How long a single request may take to arrive."""


async def single_request(requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: ANN401  # any message
    """Return the request of a call, or end it with REQUEST_STALLED when none comes in time."""
    try:
        async with asyncio.timeout(REQUEST_S):
            return await anext(aiter(requests))
    except (TimeoutError, StopAsyncIteration):
        await abort_with(context, Code.REQUEST_STALLED)
