"""Lists in pages: how large one is, and how much of a list goes into one answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_PAGE

ANSWER_FRAME_BYTES = 1024
"""Room for what an answer holds beside its list."""
FIELD_FRAME_BYTES = 8
M = TypeVar("M", bound=Message)


def page_size(value: int, *, default: int) -> int:
    """Read a page size, 0 meaning `default`; raises ARGUMENT_INVALID beyond 100."""
    if value > MAX_PAGE:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "page_size")
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
