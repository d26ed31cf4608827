"""Which agencies must still be told of a hit, or of its end (domain rule 6)."""

from __future__ import annotations

from collections.abc import Iterable

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.orders.agencies import Agencies


def agencies_owed(handling: Handling, with_order: Iterable[str], agencies: Agencies) -> tuple[str, ...]:
    """Return the names of the agencies that nobody has told yet; none of an alert that is not a hit.

    `with_order` are the agencies with an order in force, each once or in several spellings. Once no order is in force
    any more, those are owed word of the release that were told of the hit, and no others.
    """
    if handling.state is not AlertState.CONFIRMED:
        return ()
    last = {agencies.key_of(one.agency): one for one in handling.follow_ups}
    if handling.orders_ended_at is not None:
        return tuple(one.agency for one in last.values() if not one.release)
    names: dict[str, str] = {}
    for name in with_order:
        names.setdefault(agencies.key_of(name), name)
    return tuple(name for key, name in names.items() if key and (key not in last or last[key].release))
