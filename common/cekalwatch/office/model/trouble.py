"""A trouble of a camera, a source or a server as the notifier holds it, and whom at this PC it is shown to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cekalwatch.contract.values.people import CONFIRMS, PersonSession
from cekalwatch.contract.values.troubles import BLIND, TroubleKind, acknowledges


@dataclass(frozen=True)
class Trouble:
    """Something that a person has to put right."""

    trouble_id: str
    kind: TroubleKind | None
    """None: one that only a newer server knows."""
    about: str
    """Key of the camera, or name of the source or server."""
    site: str
    """Empty: it concerns all sites."""
    counter: str
    """Empty where there is none."""
    began_at: datetime
    ended_at: datetime | None = None
    acknowledged_by: str = ""
    """Name of the person; empty while nobody has said that they have seen it."""
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def blinds(self) -> bool:
        """Whether travellers pass the counter unrecognised."""
        return self.kind in BLIND


Troubles = tuple[Trouble, ...]
"""What is wrong at one moment, oldest first."""


def own_blind(troubles: Iterable[Trouble], counters: Collection[str]) -> Troubles:
    """Return those because of which counters are blind that this PC watches; without `counters`, it watches all."""
    return tuple(one for one in troubles if one.blinds and (not counters or one.counter in counters))


def shown_to(session: PersonSession | None, troubles: Troubles, counters: Collection[str]) -> Troubles:
    """Return those that are shown to who is at this PC: everybody sees which of the PC's own counters are blind.

    A supervisor sees all of the site, a list manager those of sources too, an administrator those of servers as well.
    """
    roles = session.roles if session else frozenset()
    own = own_blind(troubles, counters)
    return tuple(one for one in troubles if one in own or roles & (acknowledges(one.kind) if one.kind else CONFIRMS))


def may_acknowledge(trouble: Trouble, session: PersonSession | None) -> bool:
    """Whether the person can say that they have seen it, and nobody has yet."""
    if session is None or trouble.kind is None or trouble.acknowledged_by:
        return False
    return bool(session.roles & acknowledges(trouble.kind))
