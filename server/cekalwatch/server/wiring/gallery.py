"""What faces are searched in: the model in use, its templates of the watchlist, and how fresh that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cekalwatch.server.gallery.model_follower import ModelFollower, ModelStores, searched_model
from cekalwatch.server.gallery.snapshot import SnapshotHolder
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.watchlist.active_subjects import ActiveSubjectCount
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.periodic import Chore

FOLLOW_PERIOD_S = 2.0
CATCH_UP_PERIOD_S = 5.0
RECOUNT_PERIOD_S = 60.0


@dataclass(frozen=True)
class GalleryWiring:
    """What is searched in now, and what keeps it up to date."""

    engines: EngineInUse
    snapshots: SnapshotHolder
    freshness: FreshnessGauge
    model: ModelFollower

    @classmethod
    def open(cls, context: Context, engines: EngineInUse) -> Self:
        """Load the watchlist's templates of the engine's model."""
        settings, stores, clock = context.settings, context.stores, context.clock
        model = searched_model(settings, stores.thresholds, engines.engine().pack)
        snapshots = SnapshotHolder(stores.watchlist.templates, model, settings.gallery_storage)
        sources = ModelStores(stores.models, stores.thresholds, stores.photographs, stores.audit)
        follower = ModelFollower(settings, sources, engines, snapshots, clock, context.actor)
        context.stack.callback(follower.close)
        active = ActiveSubjectCount(stores.watchlist, context.checkpoints)
        freshness = FreshnessGauge(stores.watchlist, active, clock, timedelta(hours=settings.freshness_limit_h))
        return cls(engines, snapshots, freshness, follower)

    @property
    def chores(self) -> tuple[Chore, ...]:
        """What is done regularly."""
        return (
            (FOLLOW_PERIOD_S, self.follow),
            (CATCH_UP_PERIOD_S, self.model.catch_up),
            (RECOUNT_PERIOD_S, self.freshness.read),
        )

    def follow(self) -> None:
        """Change to another model if one was chosen, and take over what has changed in the watchlist."""
        self.model.follow()
        if self.snapshots.follow():
            self.freshness.read()

    def follow_now(self) -> None:
        """Search for what a synchronisation brought before its end is told."""
        self.snapshots.follow()
        self.freshness.read()
