"""Reads and writes one message as one value, field by field, by the types of the value's fields.

A field that value and message call alike needs no line here: it is converted by its type. Bounds stand beside the
type, as `Annotated[str, MaxLen(100)]`, and hold in strict reading. A codec is complete by construction: it refuses
to be built when the value has a field that the message lacks, or the other way round, unless that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from annotated_types import Interval, MaxLen
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.safe_text import MAX_CHARACTERS
from cekalwatch.contract.engine.scalars import (
    Reading,
    Refused,
    key,
    moment,
    read_uuid,
    seconds_of,
    span,
    text,
    timestamp,
    written_seconds,
    written_span,
)
from cekalwatch.contract.values.keys import AS_IT_CAME
from cekalwatch.wire.bounds import MAX_WORD

V = TypeVar("V")
M = TypeVar("M", bound=Message)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Converter:
    """Both directions of one field's content; `read` raises Refused, or ValueError for invalid content."""

    read: Callable[[Any, Reading], Any]
    write: Callable[[Any], Any]
    """None means that the field is not set."""


@dataclass(frozen=True)
class _Field:
    """One field of the value and of the message."""

    value_name: str
    name: str
    converter: Converter
    presence: bool
    """Whether the message distinguishes an empty field from one that is not set."""
    optional: bool
    default: Any
    """The default of the value, for a field that is not set or has unknown content; MISSING without a default."""
    needed: bool
    """Whether strict reading refuses a message without it, where the value has no default."""
    empty: Any
    """The result of lenient reading for an empty field; MISSING means the converter's."""

    def read(self, message: Message, reading: Reading) -> Any:  # noqa: ANN401  # as the field's type says
        """Return the field's content; raises Refused with the field's name."""
        content = getattr(message, self.name)
        if not content and self.empty is not MISSING and reading is Reading.LENIENT:
            return self.empty
        if not (message.HasField(self.name) if self.presence else content):
            if self.optional:
                return None
            if self.presence and self.default is not MISSING:
                return self.default
            if self.needed and reading is Reading.STRICT:
                raise Refused(self.name)
        try:
            found = self.converter.read(content, reading)
        except Refused:
            raise
        except (ValueError, OverflowError) as error:
            raise Refused(self.name) from error
        if found is not None or self.optional:
            return found
        if reading is Reading.STRICT or self.default is MISSING:
            raise Refused(self.name)
        return self.default


class Codec(Generic[V, M]):
    """Both directions of one message. Values and messages are built once, from their types, at the first use.

    `names`: fields that the message calls otherwise, by the value's name. `parts`: codecs of the values inside that
    need one of their own. `special`: converters of single fields, by the value's name. `unread`: fields of the message
    that the value lacks. `local`: fields of the value, with defaults, that the message lacks. `unheeded`: fields of
    both, with defaults, that are written, and never read: no reader needs them.
    """

    def __init__(
        self,
        value: type[V],
        message: type[M],
        *,
        names: Mapping[str, str] = _NOTHING,
        parts: Iterable[Codec[Any, Any]] = (),
        special: Mapping[str, Converter] = _NOTHING,
        unread: Collection[str] = (),
        local: Collection[str] = (),
        unheeded: Collection[str] = (),
    ) -> None:
        self.value = value
        self.message = message
        self._names = names
        self._parts = {part.value: part for part in parts}
        self._special = special
        self._unread = unread
        self._local = local
        self._unheeded = unheeded

    def read(self, message: M, reading: Reading = Reading.LENIENT) -> V:
        """Return the value of a message. Raises Refused: in strict reading for a broken bound, in lenient reading for
        an impossible value.

        ValueError comes from the value's own checks.
        """
        return self.value(**{field.value_name: field.read(message, reading) for field in self._read_fields})

    def read_all(self, messages: Iterable[M], reading: Reading = Reading.LENIENT) -> tuple[V, ...]:
        """Return the values of messages."""
        return tuple(self.read(message, reading) for message in messages)

    def write(self, value: V) -> M:
        """Return the message of a value."""
        content = {}
        for field in self.fields:
            held = getattr(value, field.value_name)
            written = None if held is None else field.converter.write(held)
            if written is not None:
                content[field.name] = written
        return self.message(**content)

    @cached_property
    def _read_fields(self) -> tuple[_Field, ...]:
        return tuple(field for field in self.fields if field.value_name not in self._unheeded)

    @cached_property
    def fields(self) -> tuple[_Field, ...]:
        """The fields of both; raises TypeError when they do not belong together."""
        if not is_dataclass(self.value):
            raise TypeError(f"{self.value.__name__} is no dataclass")
        hints = get_type_hints(self.value, include_extras=True)
        described = self.message.DESCRIPTOR.fields_by_name
        found = []
        for one in fields(self.value):
            if one.name in self._local:
                continue
            name = self._names.get(one.name, one.name)
            if name not in described:
                raise TypeError(f"{self.message.DESCRIPTOR.full_name} has no {name} for {self.value.__name__}")
            default = one.default if one.default_factory is MISSING else one.default_factory()
            found.append(self._field(one.name, described[name], hints[one.name], default))  # type: ignore[arg-type]  # one of two implementations of it
        lacking = set(described) - {field.name for field in found} - set(self._unread)
        if lacking:
            names = ", ".join(sorted(lacking))
            raise TypeError(f"{self.value.__name__} leaves out {names} of {self.message.DESCRIPTOR.full_name}")
        return tuple(found)

    def _field(self, value_name: str, described: FieldDescriptor, hint: Any, default: object) -> _Field:  # noqa: ANN401
        hint, optional = _without_none(hint)
        converter = self._special.get(value_name) or _converter(hint, described, self._parts)
        repeated = described.is_repeated
        presence = described.has_presence and not repeated
        # A missing duration is None.
        needed = presence and described.message_type not in {None, Duration.DESCRIPTOR}
        plain = not (presence or optional or value_name in self._special)
        empty = _empty(hint) if plain else MISSING
        return _Field(value_name, described.name, converter, presence, optional, default, needed, empty)


def _without_none(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401  # types have no common type
    """Return a type without `| None`, and whether it had that."""
    if get_origin(hint) in {Union, UnionType}:
        others = [one for one in get_args(hint) if one is not NoneType]
        if len(others) == 1:
            return others[0], len(others) < len(get_args(hint))
    return hint, False


def _empty(hint: Any) -> Any:  # noqa: ANN401  # as the type says
    """Return the empty value of a type; MISSING for a type without one."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    kind = get_origin(hint) or hint
    return kind() if kind in {str, bytes, bool, int, float, tuple, frozenset} else MISSING


def _converter(hint: Any, described: FieldDescriptor, parts: Mapping[type, Codec[Any, Any]]) -> Converter:  # noqa: ANN401
    """Return the converter for a type; raises TypeError for an unsupported one."""
    bounds: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        bounds = tuple(extras)
    origin = get_origin(hint)
    if origin in {tuple, frozenset, Sequence} or (origin and issubclass(origin, Sequence)):
        return _collection(origin, _converter(get_args(hint)[0], described, parts), _most(bounds))
    if origin and issubclass(origin, Mapping):
        return _texts_by_text(_most(bounds))
    if hint in parts:
        return Converter(parts[hint].read, parts[hint].write)
    if is_dataclass(hint) and described.message_type:
        codec = Codec(hint, GetMessageClass(described.message_type), parts=parts.values())  # type: ignore[arg-type]  # a class
        return Converter(codec.read, codec.write)
    if isinstance(hint, type) and issubclass(hint, Enum) and described.enum_type:
        bound = bound_enum(hint, described.enum_type)
        return Converter(bound.read, bound.number)
    return _scalar(hint, described, bounds)


def _scalar(hint: Any, described: FieldDescriptor, bounds: tuple[Any, ...]) -> Converter:  # noqa: ANN401
    if hint is str:
        most = _most(bounds)
        strictly, cleaned = most or MAX_WORD, most or MAX_CHARACTERS
        read = key if AS_IT_CAME in bounds else text
        return Converter(lambda content, reading: read(content, reading, strictly, cleaned), str)
    if hint is UUID:
        return Converter(lambda content, _reading: read_uuid(content), str)
    if hint is datetime:
        within = _within(bounds)
        return Converter(lambda content, reading: within(moment(content), reading), timestamp)
    if hint is timedelta:
        return Converter(lambda content, _reading: span(content), written_span)
    if hint is float and described.type == FieldDescriptor.TYPE_MESSAGE:
        within = _within(bounds)
        return Converter(lambda content, reading: within(seconds_of(content), reading), written_seconds)
    if hint in {int, float}:
        return Converter(_within(bounds), hint)
    if hint in {bool, bytes}:
        return Converter(_sized(_most(bounds)), hint)
    raise TypeError(f"no field of a message holds {hint}")


def _most(bounds: tuple[Any, ...]) -> int | None:
    return next((one.max_length for one in bounds if isinstance(one, MaxLen)), None)


def _within(bounds: tuple[Any, ...]) -> Callable[[Any, Reading], Any]:
    bound = next((one for one in bounds if isinstance(one, Interval)), None)
    if bound is None:
        return lambda content, _reading: content
    least: Any = bound.ge  # numbers, or moments
    most: Any = bound.le

    def read(content: Any, reading: Reading) -> Any:  # noqa: ANN401  # as the bounds
        # Written so that NaN is out of bounds as well.
        if reading is Reading.STRICT and not (
            (least is None or least <= content) and (most is None or content <= most)
        ):
            raise ValueError(content)
        return content

    return read


def _sized(most: int | None) -> Callable[[Any, Reading], Any]:
    def read(content: Any, reading: Reading) -> Any:  # noqa: ANN401  # bytes or a truth value
        if most is not None and reading is Reading.STRICT and len(content) > most:
            raise ValueError(len(content))
        return content

    return read


def _collection(origin: type, item: Converter, most: int | None) -> Converter:
    kind: Callable[[Iterable[Any]], Any] = frozenset if origin is frozenset else tuple

    def read(content: Sequence[Any], reading: Reading) -> Any:  # noqa: ANN401  # as `origin` says
        if most is not None and reading is Reading.STRICT and len(content) > most:
            raise ValueError(len(content))
        found = [item.read(one, reading) for one in content]
        if reading is Reading.STRICT and None in found:
            raise ValueError("a member that is not known")
        return kind(one for one in found if one is not None)

    def write(held: Collection[Any]) -> list[Any]:
        written = [item.write(one) for one in held]
        return sorted(written) if kind is frozenset else written

    return Converter(read, write)


def _texts_by_text(most: int | None) -> Converter:
    def read(content: Mapping[str, str], reading: Reading) -> Mapping[str, str]:
        strictly, cleaned = most or MAX_WORD, most or MAX_CHARACTERS
        return {
            text(name, reading, MAX_WORD, MAX_CHARACTERS): text(value, reading, strictly, cleaned)
            for name, value in content.items()
        }

    return Converter(read, dict)
