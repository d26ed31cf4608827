"""Protobuf messages as anybody could send them, for property-based tests: each field valid, extreme or absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import uuid6
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from cekalwatch.contract.values import captures
from tests.support.builders.alerts import NOON

M = TypeVar("M", bound=Message)
ValidValues = Mapping[str, Sequence[Any]]
"""Values that are valid, by the field's name; with them a message gets past the first checks."""

RUN = str(uuid6.uuid7())
POINT = {"x": 10.0, "y": 12.0}
LANDMARKS = dict.fromkeys(captures.LANDMARKS, POINT)
SENT: ValidValues = {
    "capture_id": [str(uuid6.uuid7())],
    "track_id": ["1"],
    "run_id": [RUN],
    "client_version": ["1.0"],
    "detector": ["light"],
    "camera_id": ["dep-1"],
    "capture_time": [Timestamp(seconds=int(NOON.timestamp()))],
    "landmarks": [LANDMARKS],
    "detector_score": [0.9],
    "quality": [{"score": 0.5}],
}
"""With them the messages of a camera are accepted."""
RECORD: ValidValues = {
    "subject_id": ["S-1"],
    "name": ["Contoh Satu"],
    "aliases": [["Satu"]],
    "sex": ["M", ""],
    "date_of_birth": ["1970", "1970-01-02"],
    "nationality": ["IDN", "SGP"],
    "nik": ["1234567890123456", ""],
    "travel_documents": [[], [{"type": "passport", "number": "X1", "issuing_country": "SGP"}]],
    "place_of_birth": ["Batam"],
    "address": [""],
    "occupation": [""],
    "order_id": ["O-1"],
    "kind": [1, 2],
    "decree_number": ["K-1", ""],
    "decree_date": ["2026-01-01", ""],
    "requesting_agency": ["Kejaksaan Agung"],
    "reason": [""],
    "valid_from": ["2026-01-01", "1900-01-01", "2200-12-31"],
    "valid_until": ["2026-06-30", "9999-12-31"],
    "received_on": ["2026-01-01", "1900-01-01"],
    "extends_order_id": ["", "O-0"],
    "revoked_time": [Timestamp(seconds=253_402_300_799), Timestamp(seconds=-62_135_596_800), Timestamp(seconds=10**9)],
    "ground": [0, 1],
    "person_status": [0, 4],
    "revocation_ground": [0, 2],
    "revocation_reference": ["", "12/Pid.Pra/2026/PN Btm"],
    "photo_names": [[], ["a.jpg", "b.jpg"]],
}
"""With them the records of an import are accepted."""

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


def messages(kind: type[M], valid: ValidValues) -> st.SearchStrategy[M]:
    """Messages of a kind, most of whose fields have valid values."""
    descriptor: Any = kind.DESCRIPTOR  # one of two types, by the implementation in use
    return _fields(descriptor, valid).map(lambda fields: kind(**fields))


def scrambled(kind: type[M], valid: ValidValues) -> st.SearchStrategy[M]:
    """Messages that parse, from bytes of which some were changed on the way."""

    @st.composite
    def bytes_changed(draw: Callable[[st.SearchStrategy[Any]], Any]) -> M | None:
        data = bytearray(draw(messages(kind, valid)).SerializeToString() or b"\x00")
        for _ in range(draw(st.integers(1, 4))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        try:
            return kind.FromString(bytes(data))
        except DecodeError:
            return None

    return bytes_changed().filter(lambda message: message is not None)  # type: ignore[return-value]  # none is None


def nearly_valid(kind: type[M], valid: ValidValues) -> st.SearchStrategy[M]:
    """Messages of a kind of which at most two fields are odd, so that many of them are accepted."""
    descriptor: Any = kind.DESCRIPTOR
    names = st.lists(st.sampled_from(sorted(valid)), max_size=2)
    return names.flatmap(lambda odd: _nearly(descriptor, valid, odd)).map(lambda fields: kind(**fields))


def _nearly(kind: Descriptor, valid: ValidValues, odd: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            field.name: _nearly(field.message_type, valid, odd)
            if field.message_type is not None and field.name not in valid
            else st.sampled_from(valid[field.name])
            if field.name in valid and field.name not in odd
            else _value(field, valid)
            for field in kind.fields
        }
    )


def _fields(kind: Descriptor, valid: ValidValues) -> st.SearchStrategy[dict[str, Any]]:
    chosen: dict[str, st.SearchStrategy[Any]] = {
        field.name: _value(field, valid) for field in kind.fields if field.containing_oneof is None
    }
    plain = st.fixed_dictionaries({}, optional=chosen) | st.fixed_dictionaries(chosen)
    alternatives = [
        st.fixed_dictionaries({field.name: _value(field, valid)}) for oneof in kind.oneofs for field in oneof.fields
    ]
    if not alternatives:
        return plain
    return st.tuples(plain, st.one_of(st.just({}), *alternatives)).map(lambda both: both[0] | both[1])


def _value(field: FieldDescriptor, valid: ValidValues) -> st.SearchStrategy[Any]:
    one = _single(field, valid)
    known = [st.sampled_from(valid[field.name])] * 4 if field.name in valid else []
    if field.is_repeated:
        return st.one_of(*known, st.lists(one, max_size=3), st.lists(one, min_size=70, max_size=70))
    return st.one_of(*known, one)


def _single(field: FieldDescriptor, valid: ValidValues) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _fields(field.message_type, valid)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=64) if field.type == FieldDescriptor.TYPE_BYTES else TEXTS
    return STRATEGIES[field.cpp_type]
