"""Cells on their way from the confined process that reads a list: JSON, with what JSON has not in tagged objects.

Nothing else crosses over, whatever the other end writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE, MAX_CHARACTERS

MAX_ROW_BYTES: Final = 300_000
"""Of a row as it is written; none that can be imported has a tenth of it."""
MAX_DEPTH: Final = 4
"""Of lists and objects in a cell; those of documents and photographs have two."""
MAX_PARTS: Final = 200
"""Of a list or object in a cell; no field takes more than twenty."""

_TAG: Final = ""
"""The only name in a tagged object; no column has it."""
_DAMAGED: Final = "damaged"
_READ: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {"datetime": datetime.fromisoformat, "date": date.fromisoformat, _DAMAGED: lambda _: DAMAGED_VALUE}
)


def written(value: object) -> bytes:
    """Return lists, objects and cells as JSON. A value that no field takes is written as a damaged one."""
    return json.dumps(value, default=_tagged, separators=(",", ":")).encode()


def written_row(cells: Sequence[object] | None) -> bytes:
    """Return a row as JSON. One that is too large becomes one that cannot be read, as None is."""
    content = written(None if cells is None else [_bounded(cell) for cell in cells])
    return content if len(content) <= MAX_ROW_BYTES else written(None)


def array(parts: Iterable[bytes]) -> bytes:
    """Return the array of what was written."""
    return b"[" + b",".join(parts) + b"]"


def read(content: bytes) -> object:
    """Return what was written; raises ValueError for anything else."""
    try:
        return json.loads(content, object_hook=_untagged)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _bounded(cell: object, depth: int = MAX_DEPTH) -> object:
    """Return a cell with damaged values in place of texts that are longer, and parts that are deeper, than fields."""
    match cell:
        case str() if len(cell) > MAX_CHARACTERS:
            return DAMAGED_VALUE
        case list() | dict() if not depth or len(cell) > MAX_PARTS:
            return DAMAGED_VALUE
        case list():
            return [_bounded(part, depth - 1) for part in cell]
        case dict():
            return {name: _bounded(part, depth - 1) for name, part in cell.items() if name != _TAG}
    return cell


def _tagged(value: object) -> dict[str, list[str]]:
    match value:
        case datetime():
            return {_TAG: ["datetime", value.isoformat()]}
        case date():
            return {_TAG: ["date", value.isoformat()]}
    return {_TAG: [_DAMAGED, ""]}


def _untagged(found: dict[str, object]) -> object:
    match found.get(_TAG):
        case None:
            return found
        case [str(kind), str(text)] if kind in _READ:
            return _READ[kind](text)
    raise ValueError("an unknown kind of value")
