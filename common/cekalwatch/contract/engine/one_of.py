"""Reads and writes a message that carries one of several others, as those of a stream do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.scalars import Reading

V = TypeVar("V")
M = TypeVar("M", bound=Message)


class OneOf(Generic[V, M]):
    """Both directions of the oneof of a message; the rest of the message is left alone.

    A value's class says which field of the oneof carries it.
    """

    def __init__(self, message: type[M], cases: Mapping[str, Codec[Any, Any]], oneof: str = "message") -> None:
        """`cases`: the codec of each field of the oneof, by the field's name."""
        self._message = message
        self._codecs = cases
        self._fields = {codec.value: field for field, codec in cases.items()}
        self._oneof = oneof

    def read(self, message: M, reading: Reading = Reading.LENIENT) -> V | None:
        """Return the content of a message; None when it is empty, or only a newer peer knows it. Raises as Codec."""
        field = message.WhichOneof(self._oneof)
        codec = self._codecs.get(field) if field else None
        return codec.read(getattr(message, field), reading) if codec else None

    def write(self, value: V) -> M:
        """Return the message that carries a value."""
        field = self._fields[type(value)]
        return self._message(**{field: self._codecs[field].write(value)})
