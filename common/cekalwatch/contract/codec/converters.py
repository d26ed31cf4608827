"""Converters of single fields for which the type alone does not say enough."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from cekalwatch.contract.engine.codec import Converter
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.engine.scalars import Reading, seconds_of, written_seconds
from cekalwatch.wire.trace_context import trace_context

E = TypeVar("E", bound=Enum)

TRACE = Converter(lambda content, _reading: trace_context(content), str)
"""The context of a trace; empty for an invalid one."""


def unchanged(is_sound: Callable[[Any], bool] = lambda _: True) -> Converter:
    """Return a converter that keeps its content; strict reading refuses invalid content."""

    def read(content: Any, reading: Reading) -> Any:  # noqa: ANN401  # of any type
        if reading is Reading.STRICT and not is_sound(content):
            raise ValueError("content that is not sound")
        return content

    return Converter(read, lambda held: held)


def seconds_up_to(most: float) -> Converter:
    """Return a converter of a duration in seconds, limited to 0 to `most`, in strict reading too."""
    return Converter(lambda content, _reading: min(max(0.0, seconds_of(content)), most), written_seconds)


def known_or(bound: ProtoEnum[E, Any], other: E) -> Converter:
    """Return a converter of an enum: an unknown member, as of a newer peer, is `other`, in strict reading too."""
    return Converter(lambda number, _reading: bound.member(number) or other, bound.number)
