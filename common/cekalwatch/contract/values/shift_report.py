"""The figures of a shift: what became of the alerts raised in it, as of now. They hold no personal data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """How many alerts of one camera, or one list, were cleared (false alerts) and confirmed."""

    key: str
    cleared: int
    confirmed: int

    @property
    def decided(self) -> int:
        """Alerts with an end."""
        return self.cleared + self.confirmed

    @property
    def false_rate(self) -> float | None:
        """Share of false alerts among those with an end, 0 to 1; None when there is none."""
        return self.cleared / self.decided if self.decided else None


@dataclass(frozen=True)
class ShiftReport:
    """Counts of alerts, and median seconds since they were raised; 0 where there is nothing to count."""

    raised: int
    cleared: int
    confirmed: int
    open: int
    escalated: int
    median_claim_s: float
    median_decision_s: float
    cameras: tuple[Tally, ...]
    lists: tuple[Tally, ...]
