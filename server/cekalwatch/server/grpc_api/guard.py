"""The guard of domain rule 18 around the calls by which people act: nobody silences a ban alone.

A call states what a request would silence. Where that is something, two people must have signed, who were shown it; the
audit trail names each order, and supervisors see it as a problem (`OrdersSilencedAlarms`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from google.protobuf.message import DecodeError, Message

from cekalwatch.contract.values.people import KEEPS_WATCHLIST, SEES_ALERTS
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.server.audit.silencing import silencing_entry
from cekalwatch.server.auth.rights import Caller
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.storage.audit.store import AuditStore

UNARY = "unary_unary"
MAX_TOLD = 10
"""Orders in a refusal."""


@dataclass(frozen=True, eq=False)
class Guard:
    """All guarded calls of a server."""

    audit: AuditStore
    clock: Clock
    _calls: dict[str, Served] = field(default_factory=dict)

    def around(self, served: Iterable[Served]) -> list[Served]:
        """Return the calls; those that can silence an order ask first."""
        return [self._guarded(one) for one in served]

    def foresee(self, method: str, request: bytes) -> Silencing:
        """Return what a request would silence; it blocks. A request that cannot be read silences nothing."""
        one = self._calls.get(method)
        if one is None or one.silences is None:
            return NOTHING_SILENCED
        try:
            return one.silences(one.call.request.message.FromString(request))
        except (DecodeError, CekalwatchError, ValueError):
            return NOTHING_SILENCED

    def require_two(self, found: Silencing, method: str) -> None:
        """Raise SILENCES_ORDERS unless two people do it, and record what they silence; it blocks."""
        if not found:
            return
        caller = current_caller()
        if caller.people is None:
            raise refusal(seen_by(caller, found))
        name = method.rpartition("/")[2]
        self.audit.append(silencing_entry(found, caller.two_people(), caller.actor, self.clock.now(), name))

    def _guarded(self, one: Served) -> Served:
        silences, method = one.silences, one.call.path
        if silences is None:
            return one
        self._calls[method] = one
        if one.call.kind != UNARY:  # a stream asks when it knows what it is about
            return one
        answer: Callable[[Any, Context], Awaitable[Message]] = one.method  # type: ignore[assignment]  # not a stream's

        async def guarded(request: Message, context: Context) -> Message:
            await asyncio.to_thread(lambda: self.require_two(silences(request), method))
            return await answer(request, context)

        return Served(one.call, guarded, silences)


def seen_by(caller: Caller, found: Silencing) -> Silencing:
    """Return what the person may see of it: names are for those who may see alerts or the list."""
    if caller.session is None or caller.session.person.roles & (SEES_ALERTS | KEEPS_WATCHLIST):
        return found
    return replace(found, orders=tuple(replace(one, name="") for one in found.orders))


def refusal(found: Silencing) -> CekalwatchError:
    """Return the refusal of an act for which nobody has signed; it names the first orders."""
    error = CekalwatchError(Code.SILENCES_ORDERS)
    named = [f"{one.order_id} {one.name}".strip() for one in found.orders[:MAX_TOLD]]
    error.told = MappingProxyType({"count": str(found.count), "orders": "; ".join(named), "what": found.what})
    return error
