"""Translates between an enum of the contract and an enum of ours, whose members have the same names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from cekalwatch.contract.engine.scalars import Reading

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

_OurEnum = TypeVar("_OurEnum", bound=Enum)
_Number = TypeVar("_Number", bound=int)


class ProtoEnum(Generic[_OurEnum, _Number]):
    """Both directions of one enum; the contract's members are called `PREFIX_NAME`.

    Construction raises ValueError when the contract lacks a member of ours.
    """

    def __init__(self, of_contract: _EnumTypeWrapper[_Number], prefix: str, members: Iterable[_OurEnum]) -> None:
        self._numbers = {member: of_contract.Value(f"{prefix}_{member.name}") for member in members}
        self._members: dict[int, _OurEnum] = {number: member for member, number in self._numbers.items()}

    def number(self, member: _OurEnum) -> _Number:
        """Return the contract's number of `member`."""
        return self._numbers[member]

    def member(self, number: int) -> _OurEnum | None:
        """Return our member, or None for a number that only a newer peer knows, and for UNSPECIFIED."""
        return self._members.get(number)

    def read(self, number: int, reading: Reading) -> _OurEnum | None:
        """Return our member, None for UNSPECIFIED. A member that only a newer peer knows is None too, or ValueError in
        strict reading."""
        found = self._members.get(number)
        if found is None and number and reading is Reading.STRICT:
            raise ValueError(number)
        return found


_BOUND: dict[tuple[type[Enum], str], ProtoEnum[Any, Any]] = {}


def bound_enum(members: type[_OurEnum], of_contract: EnumDescriptor) -> ProtoEnum[_OurEnum, Any]:
    """Return both directions of an enum of the contract, whose members have a prefix in common; each is bound once."""
    key = (members, of_contract.full_name)
    if key not in _BOUND:
        prefix = of_contract.values_by_number[0].name.removesuffix("_UNSPECIFIED")
        _BOUND[key] = ProtoEnum(EnumTypeWrapper(of_contract), prefix, members)
    return _BOUND[key]
