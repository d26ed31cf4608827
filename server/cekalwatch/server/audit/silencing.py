"""The entry of the audit trail about what two people silence (domain rule 18)."""

from __future__ import annotations

from datetime import datetime

from cekalwatch.contract.values.silencing import Silencing
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, both_keys
from cekalwatch.server.domain.people import TwoPeople


def silencing_entry(found: Silencing, people: TwoPeople, actor: Actor, at: datetime, by: str) -> AuditEntry:
    """Return the entry, which names each order; `by`: the call or command."""
    orders = [ObjectKind.ORDER.key(one.order_id) for one in found.orders]
    details: dict[str, int | str] = {"orders": found.count, "by": by}
    if found.what:
        details["what"] = found.what
    return AuditEntry(at, actor, Action.ORDERS_SILENCED, (*orders, *both_keys(people)), details=details)
