"""Statistics of recognition at a site and of a shift: passages, findings, and the intervals of the figures.

They hold no personal data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class PeriodLength(StrEnum):
    """Length of the periods of a trend, by the site's clock."""

    DAY = "DAY"
    WEEK = "WEEK"
    """From Monday to Monday."""


MAX_SPAN = timedelta(days=366)
"""Longest span of a report."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Rate(Estimate):
    """A share of trials, 0 to 1; NaN if it was not measured."""

    events: int = 0
    """Events and trials stay on the server."""
    trials: int = 0

    @property
    def measured(self) -> bool:
        """Whether there were trials enough for a share."""
        return not math.isnan(self.value)


NOT_MEASURED = Rate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class FieldLine:
    """The figures of a camera, a list, an agency or an hour of the day."""

    key: str
    passages: int
    """For an agency, the passages of its list: each traveller is searched for all agencies."""
    false_alerts: int
    confirmed: int
    open: int
    fpir: Rate = NOT_MEASURED
    """Share of false alerts among the passages of people who were not confirmed."""
    kind: str = ""
    """Of an agency: the kind of its orders."""
    unusable_rate: Rate = NOT_MEASURED
    """Share of travellers without a usable face among all who passed; not measured for a list and an agency."""
    unusable: int = 0
    """Travellers without a usable face; 0 for a list and an agency."""

    @property
    def alerts(self) -> int:
        """All alerts, whatever was found about them."""
        return self.false_alerts + self.confirmed + self.open


@dataclass(frozen=True)
class Waits:
    """Time that alerts waited for an event, in seconds since they were raised."""

    count: int
    """Alerts with this event; without any, the other figures mean nothing."""
    p50_s: float
    p95_s: float


@dataclass(frozen=True)
class LookFigures:
    """First looks at faces, before all else is shown; nothing of who looked."""

    judgements: int = 0
    """Officers' judgements of candidates at whose faces they had looked first."""
    kept: int = 0
    """Those that confirmed the first look."""
    p50_s: float = 0.0
    """Median of the seconds from raising to the look; 0 without any."""


MIN_JUDGED: Final = 5
"""With fewer judged exercises, their results stay on the server: they would say how somebody judged."""


@dataclass(frozen=True)
class ExercisesAt:
    """Exercises at one counter that came equally far."""

    counter: str
    stage: str
    """An `ExerciseStage`; JUDGEMENT: they were on a screen."""
    count: int


@dataclass(frozen=True)
class ExerciseFigures:
    """Exercises that ended, without those that gave way; nothing of who judged them (domain rule 16)."""

    count: int = 0
    on_screen: int = 0
    """Those that a PC of their counter had shown."""
    judged: int = 0
    recognised: int = 0
    """Judged as the same person. This and the next two are 0 below `MIN_JUDGED`."""
    undecided: int = 0
    missed: int = 0
    places: tuple[ExercisesAt, ...] = ()
    """By counter and by the stage that they had reached; none for a period."""


@dataclass(frozen=True)
class ThresholdUse:
    """The thresholds of one model version in the span, comparison scores."""

    model_version: str
    lowest: float
    highest: float
    alerts: int


@dataclass(frozen=True)
class ThresholdInterval:
    """Between these comparison scores lies the threshold for the target FPIR, with 95 % certainty."""

    low: float
    high: float


@dataclass(frozen=True)
class LearnedFigures:
    """The threshold of one model version, a comparison score, as learned from the passages of all sites."""

    model_version: str
    threshold: float
    """The learned threshold; it is in force unless people or the settings have set another one."""
    packs: float
    """The model pack's, for the same list."""
    interval: ThresholdInterval | None
    """None when too few passages count."""
    passages: int
    """Passages that were counted, of the last days."""
    counting: int
    """Their weighted number, since the weight of each camera and day is limited."""
    left_out: tuple[str, ...]
    """Cameras whose scores stand out, and which do not count."""


@dataclass(frozen=True)
class ThresholdWhatIf:
    """The lowest threshold that halves the false alerts of one model version, and its misses."""

    model_version: str
    threshold_before: float
    """The highest that was in force."""
    threshold: float
    false_alerts: int
    false_alerts_left: int
    confirmed: int
    confirmed_missed: int


@dataclass(frozen=True)
class GroupFigures:
    """One group of volunteers at the whole's threshold."""

    group: str
    misses: Rate = NOT_MEASURED
    false_alerts: Rate = NOT_MEASURED


@dataclass(frozen=True)
class GroupPair:
    """How often a traveller of one group is taken for a listed stranger of another, or of the same."""

    traveller: str
    """Group of the traveller; empty: everybody's."""
    listed: str
    """Group of the listed person; empty: everybody's."""
    mistaken: Rate = NOT_MEASURED
    """Share of comparisons of two different people that reach the threshold (FMR); the interval is by traveller."""


@dataclass(frozen=True)
class MeasuredGroups:
    """The results of an evaluation with volunteers by groups of people: misses, and false matches.

    No group of travellers is recorded, so there are no other results by group.
    """

    source: str
    model_version: str
    people: int
    groups: tuple[GroupFigures, ...]
    pairs: tuple[GroupPair, ...]


@dataclass(frozen=True)
class FieldPeriod:
    """Figures of a day or a week, from `since` on and before `until`; the fields are those of a report."""

    since: datetime
    until: datetime
    whole: FieldLine
    claims: Waits
    decisions: Waits
    escalated: int
    busiest: int
    looks: LookFigures = LookFigures()
    exercises: ExerciseFigures = ExerciseFigures()


@dataclass(frozen=True)
class FieldReport:
    """Figures of all alerts on captures of one site from `since` on and before `until`."""

    since: datetime
    until: datetime
    site: str
    """Empty: every site."""
    whole: FieldLine
    cameras: tuple[FieldLine, ...]
    lists: tuple[FieldLine, ...]
    agencies: tuple[FieldLine, ...]
    """Those with the most alerts first; the key is empty where the agency is not known."""
    hours: tuple[FieldLine, ...]
    """By the hour of the day, local time."""
    claims: Waits
    """For the first claim."""
    decisions: Waits
    """For the officer's first judgement."""
    escalated: int
    """Alerts that were escalated at least once."""
    what_ifs: tuple[ThresholdWhatIf, ...]
    thresholds: tuple[ThresholdUse, ...]
    """Thresholds of the alerts; a model version without alerts is missing."""
    learned: tuple[LearnedFigures, ...]
    """The present state, for any span."""
    listed: int
    """People on the list when the report was made, whatever the status of their orders."""
    made_at: datetime
    groups: MeasuredGroups | None = None
    """The measurements with volunteers; None without any."""
    threshold_in_force: float | None = None
    """The threshold by which the server decided when the report was made; None from an older server."""
    periods: tuple[FieldPeriod, ...] = ()
    """The whole days or weeks of the span, oldest first, if they were asked for."""
    busiest: int = 0
    """Most alerts that were raised at one counter within ten minutes."""
    looks: LookFigures = LookFigures()
    exercises: ExerciseFigures = ExerciseFigures()


@dataclass(frozen=True)
class Tally:
    """Numbers of false and confirmed alerts of one camera or one list."""

    key: str
    cleared: int
    """Cleared because the traveller was found to be somebody else."""
    confirmed: int

    @property
    def decided(self) -> int:
        """Alerts of which people found whether they were right."""
        return self.cleared + self.confirmed

    @property
    def false_rate(self) -> float | None:
        """Share of false alerts among settled ones, 0 to 1; None if none is settled."""
        return self.cleared / self.decided if self.decided else None


@dataclass(frozen=True)
class ShiftReport:
    """Counts of alerts, and median seconds since they were raised; 0 if there is nothing to count."""

    raised: int
    cleared: int
    """For whatever reason."""
    confirmed: int
    open: int
    escalated: int
    median_claim_s: float
    median_decision_s: float
    cameras: tuple[Tally, ...]
    lists: tuple[Tally, ...]
    false_alerts: int = 0
    """Of the cleared ones, those whose traveller was found to be somebody else."""
    provisional: int = 0
    """Confirmed while Cekal Online could not be reached, with the reference number owed; not among `confirmed`."""
    looks: int = 0
    """Officers' judgements of candidates at whose faces they had looked first."""
    looks_kept: int = 0
    """First looks that the judgement confirmed."""
    median_look_s: float = 0.0
