"""The configuration of the synchronisation: `[watchlist.sync]`. `docs/watchlist-sync.md` tells what it does."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cekalwatch.server.domain.syncs import ShrinkGuard, SyncTerms


class SyncEntry(BaseModel):
    """How the watchlist is synchronised with its source, where it has one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period_s: Annotated[float, Field(ge=10, le=604_800)] = 900.0
    """From the end of one run to the next."""
    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of the period by which a run comes earlier or later, so that sites do not all ask at once."""
    retry_first_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """After a failure, at most; doubled with each further one, up to `retry_most_s`."""
    retry_most_s: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    shrink_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """A source that has lost a greater share of the orders held from it ends none before two people accept that."""
    shrink_least: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Fewer orders than these are ended without asking, unless nothing is left at all."""
    keep_runs_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """How long the record of a run is kept."""

    def terms(self) -> SyncTerms:
        """Return the domain's form."""
        return SyncTerms(
            period=timedelta(seconds=self.period_s),
            jitter=self.jitter,
            retry_first=timedelta(seconds=self.retry_first_s),
            retry_most=timedelta(seconds=self.retry_most_s),
            keep_runs=timedelta(days=self.keep_runs_days),
            guard=ShrinkGuard(self.shrink_share, self.shrink_least),
        )
