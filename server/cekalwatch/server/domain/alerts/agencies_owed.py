"""Which agencies must still be told of a hit, or of its end (domain rule 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.orders.agencies import Agencies


def agencies_owed(handling: Handling, with_order: Iterable[str], agencies: Agencies) -> tuple[str, ...]:
    """Return the names of the agencies that nobody has told yet; none of an alert that is not a hit.

    `with_order`: the agencies with an order in force; one may stand there in several spellings. An agency that was told
    of the hit must be told of the release when its order has ended; all of them when no order is in force any more.
    """
    if handling.state is not AlertState.CONFIRMED:
        return ()
    last = {agencies.key_of(one.agency): one for one in handling.follow_ups}
    if handling.orders_ended_at is not None:
        return tuple(one.agency for one in last.values() if not one.release)
    names: dict[str, str] = {}
    for name in with_order:
        names.setdefault(agencies.key_of(name), name)
    hits = (name for key, name in names.items() if key not in last or last[key].release)
    releases = (one.agency for key, one in last.items() if one.by_order and key not in names)
    return (*hits, *releases)


def is_release(handling: Handling, agency: str, with_order: Collection[str], agencies: Agencies) -> bool:
    """Whether a message to the agency now is about the release: it was told of the hit, and its order has ended."""
    key = agencies.key_of(agency)
    last = next((one for one in reversed(handling.follow_ups) if agencies.key_of(one.agency) == key), None)
    return last is not None and last.by_order and key not in map(agencies.key_of, with_order)
