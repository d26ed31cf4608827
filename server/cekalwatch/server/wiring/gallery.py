"""The gallery in which faces are searched: the model in use, its templates, and how fresh the watchlist is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cluster.chores import Chore, SharedChore
from cekalwatch.server.gallery.completeness import check_complete
from cekalwatch.server.gallery.model_follower import ModelFollower, ModelStores, searched_model
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SnapshotHolder
from cekalwatch.server.gallery.threshold_learning import LearningSite, LearningStores, ThresholdLearner
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.sources.opening import source_name
from cekalwatch.server.wiring.context import Context
from cekalwatch.vision.manifest import MANIFEST_FILE, Pack, file_sha256

FOLLOW_PERIOD_S = 2.0
CATCH_UP_PERIOD_S = 5.0
LEARN_PERIOD_S = 600.0


@dataclass(frozen=True)
class GalleryWiring:
    """What is searched in now, and what keeps it up to date."""

    engines: EngineInUse
    snapshots: SnapshotHolder
    freshness: FreshnessGauge
    source: str
    """What the watchlist's source is called; empty: none is configured."""
    model: ModelFollower
    learner: ThresholdLearner

    @classmethod
    def open(cls, context: Context, engines: EngineInUse, terms: TermsReader) -> Self:
        """Load the watchlist's templates of the engine's model. Raises ProgramError where people would be missing."""
        settings, stores, clock = context.settings, context.stores, context.clock
        pack = engines.engine().pack
        note_configuration(context, pack)
        model = searched_model(settings, stores.thresholds, pack)
        snapshots = SnapshotHolder(stores.watchlist.templates, terms, clock, model, settings.gallery_storage)
        check_complete(snapshots.current(), pack, stores.models)
        sources = ModelStores(stores.models, stores.thresholds, stores.photographs, stores.audit)
        follower = ModelFollower(
            settings, sources, engines, snapshots, clock, context.actor, lambda pack: note_configuration(context, pack)
        )
        context.stack.callback(follower.close)
        source = source_name(settings.watchlist.source, settings.home.zone)
        limit = timedelta(hours=settings.freshness_limit_h)
        freshness = FreshnessGauge(stores.watchlist, terms, clock, limit, source)
        learner = ThresholdLearner(
            LearningStores(stores.thresholds, stores.scores, stores.field, stores.watchlist.templates),
            LearningSite(settings.home.site, len(settings.cameras), settings.wanted_fpir, settings.threshold_learning),
            context.checkpoints,
            clock,
            context.actor,
            snapshots.current,
            lambda: engines.engine().pack,
        )
        return cls(engines, snapshots, freshness, source, follower, learner)

    @property
    def chores(self) -> tuple[Chore, ...]:
        """What is done regularly."""
        return (
            Chore("follow_gallery", FOLLOW_PERIOD_S, self.follow),
            SharedChore("make_templates", CATCH_UP_PERIOD_S, self.model.catch_up),
            SharedChore("learn_threshold", LEARN_PERIOD_S, self.learner.learn),
        )

    def searched_model(self) -> str:
        """Return the model version of the templates that are searched."""
        return self.snapshots.current().gallery.model_version

    def follow(self) -> None:
        """Change to another model if one was chosen, and take over what has changed in the watchlist."""
        self.model.follow()
        if self.snapshots.follow():
            self.freshness.read()

    def follow_now(self) -> None:
        """Search for what a synchronisation brought, before it is reported as done."""
        self.snapshots.follow()
        self.freshness.read()


def note_configuration(context: Context, pack: Pack) -> None:
    """Record what decides about people, when it differs from what was recorded last: settings, threshold, model pack.

    Hashes stand for the settings and the pack's manifest. The address of the database may hold a password, and a hash
    of that could be guessed, so it is left out.
    """
    settings = context.settings
    text = json.dumps(settings.model_dump(mode="json", exclude={"database_url"}), sort_keys=True, separators=(",", ":"))
    facts: dict[str, int | str] = {
        "pack": pack.model_version,
        "pack_sha256": file_sha256(pack.path(MANIFEST_FILE)),
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "threshold": "by the pack" if settings.threshold is None else str(settings.threshold),
    }
    context.stores.audit.append_changed(context.actor, Action.CONFIGURATION_CHANGED, facts, context.clock.now())
