"""What a confined process and its other end say to each other, over two pipes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from enum import IntEnum
from typing import IO, Final

Served = Callable[[bytes], Generator[bytes, bytes, None]]
"""The function of a confined process: it gets the first request and yields answers; each yield returns the next one.
It raises `Refusal` for a request that it refuses, and is closed after the last one."""

HEADER: Final = struct.Struct("!BI")
"""Before each message: its `Mark`, and its length in bytes."""


class Mark(IntEnum):
    """What a message is."""

    ASK = 1
    """To the worker: the first request, or the next one."""
    DROP = 2
    """To the worker: no more is wanted of this."""
    READY = 3
    """The function was found: nothing hostile has been read yet."""
    ANSWER = 4
    END = 5
    """The function has returned; the worker waits for another first request."""
    REFUSED = 6
    """It raised `Refusal`: JSON of kind and detail."""
    FAILED = 7
    """It raised something else, whose class is named; after it the worker ends."""


class Refusal(Exception):  # noqa: N818  # it says something of the data, not of the program
    """The data is not to be had, by the judgement of the function: crosses over to the other end."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


def write_message(stream: IO[bytes], mark: Mark, content: bytes = b"") -> None:
    """Write a message. Raises OSError when the other end is gone."""
    stream.write(HEADER.pack(mark, len(content)))
    stream.write(content)
    stream.flush()


def read_message(stream: IO[bytes], most_bytes: int = 0xFFFFFFFF) -> tuple[int, bytes] | None:
    """Return the mark and content of the next message; None when the other end has ended.

    Raises ValueError for a message of more than `most_bytes`.
    """
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    mark, length = HEADER.unpack(header)
    if length > most_bytes:
        raise ValueError(f"a message of {length} bytes")
    content = stream.read(length)
    return (mark, content) if len(content) == length else None
