"""The agencies by which orders are compared: list managers see, add, change and remove them. Methods block."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cekalwatch.contract.values.agencies import (
    MAX_AGENCY_CODE,
    MAX_AGENCY_NAME,
    MAX_OTHER_NAMES,
    AgencyList,
    ListedAgency,
)
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency, normalised
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.watchlist.agencies import AgencyStore

_CODE: Final = re.compile(rf"[A-Z0-9][A-Z0-9-]{{0,{MAX_AGENCY_CODE - 1}}}", re.ASCII)


class AgencyRegistry:
    """The list of agencies of one database."""

    def __init__(
        self, store: AgencyStore, clock: Clock, follow: Callable[[], None] = lambda: None, *, of_centre: bool = False
    ) -> None:
        """`follow` is called after each change: it lets this server judge orders by the new list at once.

        `of_centre`: a centre keeps the list, and nobody changes it here.
        """
        self._store = store
        self._clock = clock
        self._follow = follow
        self.of_centre = of_centre

    def all(self) -> AgencyList:
        """Return all agencies, by code."""
        return listed(self._store.read())

    def with_agency(self, wanted: ListedAgency) -> Agencies:
        """Return what `put` would make of the list; the present one where it would refuse."""
        present = self._store.read()
        with suppress(CekalwatchError, ValueError):
            agency = _checked(wanted)
            return Agencies((*(one for one in present.known if one.code != agency.code), agency))
        return present

    def without(self, code: str) -> Agencies:
        """Return the list without an agency."""
        return Agencies(tuple(one for one in self._store.read().known if one.code != code))

    def take_over(self, told: AgencyList, centre: Actor) -> None:
        """Store the list that a centre keeps, in place of this one; an agency that breaks a bound is left out."""
        wanted = []
        for one in told.agencies:
            with suppress(CekalwatchError):
                wanted.append(_checked(one))
        entry = AuditEntry(self._clock.now(), centre, Action.AGENCIES_TAKEN_OVER, details={"agencies": len(wanted)})
        if self._store.replace(wanted, entry):
            self._follow()

    def put(self, wanted: ListedAgency, seen: str, actor: Actor) -> None:
        """Add an agency, or replace the one with its code, if that still has the mark `seen`.

        Raises AGENCY_INVALID, AGENCY_CHANGED, AGENCY_NAME_TAKEN, AGENCIES_TOO_MANY and KEPT_BY_CENTRE.
        """
        self._require_kept_here()
        agency = _checked(wanted)
        entry = self._entry(actor, Action.AGENCY_PUT, agency.code, names=len(agency.other_names) + 1)
        self._store.put(agency, entry, seen)
        self._follow()

    def remove(self, code: str, seen: str, actor: Actor) -> None:
        """Remove an agency if it still has the mark `seen`.

        Raises AGENCY_NOT_FOUND, AGENCY_CHANGED and KEPT_BY_CENTRE.
        """
        self._require_kept_here()
        if not _CODE.fullmatch(code):
            raise CekalwatchError(Code.AGENCY_NOT_FOUND)
        self._store.remove(code, self._entry(actor, Action.AGENCY_REMOVED, code), seen)
        self._follow()

    def _require_kept_here(self) -> None:
        if self.of_centre:
            raise CekalwatchError(Code.KEPT_BY_CENTRE)

    def _entry(self, actor: Actor, action: Action, code: str, **details: int) -> AuditEntry:
        return AuditEntry(self._clock.now(), actor, action, (ObjectKind.AGENCY.key(code),), details=details)


def listed(agencies: Agencies) -> AgencyList:
    """Return the agencies as people and ports see them."""
    return AgencyList(
        tuple(
            ListedAgency(one.code, one.name, one.other_names, shipped=one in KNOWN_AGENCIES.known, mark=one.mark)
            for one in agencies.known
        )
    )


def _checked(wanted: ListedAgency) -> Agency:
    code, name = wanted.code.strip().upper(), " ".join(wanted.name.split())
    others = tuple(dict.fromkeys(found for one in wanted.other_names if (found := " ".join(one.split()))))
    names = (name, *others)
    sound = all(len(one) <= MAX_AGENCY_NAME and one.isprintable() and normalised(one) for one in names)
    if not _CODE.fullmatch(code) or not sound or len(others) > MAX_OTHER_NAMES:
        raise CekalwatchError(Code.AGENCY_INVALID)
    return Agency(code, name, others)
