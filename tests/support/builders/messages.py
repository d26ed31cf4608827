"""Protobuf messages as anybody could send them, for property-based tests: each field usual, extreme or absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import strategies as st

M = TypeVar("M", bound=Message)
Usual = Mapping[str, Sequence[Any]]
"""Values that are valid, by the field's name; with them a message gets past the first checks."""

TEXTS = st.one_of(
    st.text(max_size=70),
    st.sampled_from(["\x00", "\u202e", "x" * 65, "x" * 5000, " ", "../../etc", "٣" * 32, "9999-12-31", "-" * 900]),
)
FLOATS = st.floats(width=32)
STRATEGIES: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**63 - 1, -(2**63)])),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.one_of(st.integers(0, 2**64 - 1), st.just(2**64 - 1)),
    FieldDescriptor.CPPTYPE_FLOAT: FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.one_of(st.integers(0, 5), st.integers(-(2**31), 2**31 - 1)),
}


def messages(kind: type[M], usual: Usual) -> st.SearchStrategy[M]:
    """Messages of a kind, most of whose fields have usual values."""
    descriptor: Any = kind.DESCRIPTOR  # one of two types, by the implementation in use
    return _fields(descriptor, usual).map(lambda fields: kind(**fields))


def scrambled(kind: type[M], usual: Usual) -> st.SearchStrategy[M]:
    """Messages that parse, from bytes of which some were changed on the way."""

    @st.composite
    def bytes_changed(draw: Callable[[st.SearchStrategy[Any]], Any]) -> M | None:
        data = bytearray(draw(messages(kind, usual)).SerializeToString() or b"\x00")
        for _ in range(draw(st.integers(1, 4))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        try:
            return kind.FromString(bytes(data))
        except DecodeError:
            return None

    return bytes_changed().filter(lambda message: message is not None)  # type: ignore[return-value]  # none is None


def nearly_usual(kind: type[M], usual: Usual) -> st.SearchStrategy[M]:
    """Messages of a kind of which at most two fields are not usual, so that many of them are accepted."""
    descriptor: Any = kind.DESCRIPTOR
    names = st.lists(st.sampled_from(sorted(usual)), max_size=2)
    return names.flatmap(lambda odd: _nearly(descriptor, usual, odd)).map(lambda fields: kind(**fields))


def _nearly(kind: Descriptor, usual: Usual, odd: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            field.name: _nearly(field.message_type, usual, odd)
            if field.message_type is not None and field.name not in usual
            else st.sampled_from(usual[field.name])
            if field.name in usual and field.name not in odd
            else _value(field, usual)
            for field in kind.fields
        }
    )


def _fields(kind: Descriptor, usual: Usual) -> st.SearchStrategy[dict[str, Any]]:
    chosen: dict[str, st.SearchStrategy[Any]] = {
        field.name: _value(field, usual) for field in kind.fields if field.containing_oneof is None
    }
    plain = st.fixed_dictionaries({}, optional=chosen) | st.fixed_dictionaries(chosen)
    alternatives = [
        st.fixed_dictionaries({field.name: _value(field, usual)}) for oneof in kind.oneofs for field in oneof.fields
    ]
    if not alternatives:
        return plain
    return st.tuples(plain, st.one_of(st.just({}), *alternatives)).map(lambda both: both[0] | both[1])


def _value(field: FieldDescriptor, usual: Usual) -> st.SearchStrategy[Any]:
    one = _single(field, usual)
    known = [st.sampled_from(usual[field.name])] * 4 if field.name in usual else []
    if field.is_repeated:
        return st.one_of(*known, st.lists(one, max_size=3), st.lists(one, min_size=70, max_size=70))
    return st.one_of(*known, one)


def _single(field: FieldDescriptor, usual: Usual) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _fields(field.message_type, usual)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=64) if field.type == FieldDescriptor.TYPE_BYTES else TEXTS
    return STRATEGIES[field.cpp_type]
