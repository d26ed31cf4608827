"""Which alerts are selected, and what somebody looks for among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol

from annotated_types import Interval, MaxLen

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import MAX_DISPLAY_NAME

MAX_COUNTERS: Final = 64
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No alert and no step is older: an earlier moment that somebody asks for is a mistake."""
SearchedMoment = Annotated[datetime, Interval(ge=OLDEST)]


class _Place(Protocol):
    """Where a camera hangs."""

    @property
    def site(self) -> str: ...
    @property
    def counter(self) -> str: ...
    @property
    def direction(self) -> Direction | None: ...


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to select, by camera; an empty field selects all."""

    site: str = ""
    counters: Annotated[frozenset[str], MaxLen(MAX_COUNTERS)] = frozenset()
    direction: Direction | None = None
    supervises: bool = False
    """Whether a supervisor looks: what went to the site's supervisors is selected at whatever counter it was. The
    server decides it; nobody asks for it."""

    def wants(self, camera: _Place) -> bool:
        """Whether what happens at `camera` is selected."""
        return (
            (not self.site or camera.site == self.site)
            and (not self.counters or camera.counter in self.counters)
            and (self.direction is None or camera.direction is self.direction)
        )


@dataclass(frozen=True)
class AlertSearch:
    """Which alerts a person looks for, among those that a filter selects; a field that is not set selects all."""

    states: Annotated[frozenset[AlertState], MaxLen(len(AlertState))] = frozenset()
    raised_from: SearchedMoment | None = None
    raised_before: SearchedMoment | None = None
    """Not at that moment itself."""
    counter: str = ""
    """Where the traveller was seen, whomever the alert has escalated to."""
    subject_id: str = ""
    """Key of the subject that the alert asks about, or asked last, or that somebody has judged in it."""
    handled_by: Annotated[str, MaxLen(MAX_DISPLAY_NAME)] = ""
    """Sign-in name or part of the name of somebody who holds it, judged it or followed it up."""
