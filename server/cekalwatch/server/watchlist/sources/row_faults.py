"""Collects all faults of one row, so that a person corrects them at once. It does not know where rows come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from cekalwatch.contract.values.imports import FieldFault
from cekalwatch.server.watchlist.imports.records import RecordError

_STAND_INS: Final[Mapping[str, object]] = MappingProxyType(
    {
        **dict.fromkeys(("order_id", "subject_id", "name"), "-"),
        "requesting_agency": "A",
        **dict.fromkeys(("valid_from", "received_on"), "2000-01-01"),
        **dict.fromkeys(("aliases", "travel_documents", "photographs"), ()),
        "kind": "CEGAH",
        "valid_until": "9999-12-31",
        "urgent": False,
        "revoked_at": None,
    }
)
"""Valid values in place of wrong ones, with which the other fields are read. Other fields may be empty."""

Made = TypeVar("Made")


class RowFaults:
    """The faults of one row."""

    def __init__(self) -> None:
        self._found = dict[str, RecordError]()

    def take(self, read: Callable[..., object], *arguments: object) -> Any:  # noqa: ANN401  # a fact
        """Return what `read` reads; for a wrong value, note the fault and return a valid value in its place."""
        try:
            return read(*arguments)
        except RecordError as error:
            return self._note(error)

    def make(self, build: Callable[..., Made], facts: Mapping[str, Any]) -> Made:
        """Return what `build` makes of the facts, or of valid values in place of wrong ones."""
        while True:
            try:
                return build(**facts)
            except RecordError as error:
                facts = {**facts, error.field: self._note(error)}

    def check(self, shown: Callable[[str], str]) -> None:
        """Raise RecordError for the first fault, with all faults; `shown` returns the source's value of a field."""
        if not self._found:
            return
        error = next(iter(self._found.values()))
        error.faults = tuple(FieldFault(name, shown(name), one.readings) for name, one in self._found.items())
        raise error

    def _note(self, error: RecordError) -> object:
        self._found.setdefault(error.field, error)
        return _STAND_INS.get(error.field, "")
