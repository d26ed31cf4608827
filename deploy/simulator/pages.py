"""The simulated application's pages of orders, as they should be and as a fault makes them."""

from __future__ import annotations

import copy
import json
from typing import Any

from deploy.simulator.faults import SimulatedFault
from deploy.simulator.orders import Order, OrderDatabase

MAX_AT_ONCE = 1000
_WHOLE, _CHANGES = "whole", "changes"


class UnknownCursorError(Exception):
    """A cursor that this application has not given."""


def page_of(book: OrderDatabase, cursor: str, limit: int) -> dict[str, Any]:
    """Return the page at a cursor: of the whole list at first, then of what changed since it was begun."""
    at_once = max(1, min(limit, MAX_AT_ONCE))
    match cursor.split("-") if cursor else [_WHOLE, str(book.changes), "0"]:
        case ["whole", begun, after] if begun.isdecimal() and after.isdecimal():
            part = book.page(int(after), at_once)
            following = f"{_WHOLE}-{begun}-{part.last}" if part.more else f"{_CHANGES}-{begun}"
        case ["changes", after] if after.isdecimal():
            part = book.changed(int(after), at_once)
            following = f"{_CHANGES}-{part.last}"
        case _:
            raise UnknownCursorError
    page = {"orders": part.orders, "withdrawn": part.gone, "next": following, "more": part.more}
    return page if cursor else page | {"total": book.total}


def written(page: dict[str, Any], faults: frozenset[SimulatedFault]) -> bytes:
    """Return the page as JSON, with the faults that are inside of pages."""
    page = copy.deepcopy(page)
    orders: list[Any] = page["orders"]
    if orders:
        _spoil(orders, faults)
    text = json.dumps(page, ensure_ascii=False)
    if SimulatedFault.DUPLICATE_NAMES in faults:
        text = text.replace('"kind": ', '"kind": "TANGKAL", "kind": ', 1)
    if SimulatedFault.NO_JSON in faults:
        text = "<html><body>Silakan masuk</body></html>"
    if SimulatedFault.HALF_JSON in faults:
        text = text[: len(text) // 2]
    if SimulatedFault.UTF_16 in faults:
        return text.encode("utf-16")
    # One byte that is a letter in Windows-1252, and nothing in UTF-8.
    return text.encode().replace(_MARK.encode(), b"\xfc")


_MARK = "\ue000"


def _spoil(orders: list[Any], faults: frozenset[SimulatedFault]) -> None:
    first: Order = orders[0]
    if SimulatedFault.DUPLICATE_KEYS in faults:
        orders.append(first | {"reason": "lain"})
    if SimulatedFault.WRONG_TYPES in faults:
        orders[0] = first = first | {"name": 12.5, "valid_from": {"day": 1}, "urgent": "maybe", "aliases": 7}
    if SimulatedFault.WINDOWS_1252 in faults:
        orders[0] = first = first | {"name": f"{first['name']} {_MARK}"}
    if SimulatedFault.REPLACED_LETTERS in faults:
        orders[0] = first = first | {"name": f"{first['name']} \ufffd"}
    if SimulatedFault.NO_OBJECT in faults:
        orders[0] = "order"
