"""What recognises faces, and the gallery in which they are searched, with how fresh the watchlist is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.gallery.kept_terms import TermsFile
from cekalwatch.server.gallery.model_follower import (
    ModelFollower,
    ModelStores,
    check_complete,
    open_pack,
    pack_in_use,
    searched_model,
)
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.gallery.snapshot import SnapshotHolder
from cekalwatch.server.gallery.threshold_learning import LearningSite, LearningStores, ThresholdLearner
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.recognition.photographs import PhotographDecoder
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.law_follower import LawFollower
from cekalwatch.server.watchlist.sources.opening import source_name
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

KEEP_TERMS_PERIOD_S = 60.0


@dataclass(frozen=True)
class RecognitionParts(Part):
    """The engine in use, and whose orders are searched."""

    engines: EngineInUse
    terms: TermsReader


def init_recognition(context: Context) -> RecognitionParts:
    """Open the networks while the orders' terms are read: a long list takes longer than the networks."""
    settings, stores = context.settings, context.stores
    pack = pack_in_use(settings, stores.models)
    decoder = PhotographDecoder(settings.threads)
    context.stack.callback(decoder.close)
    kept = TermsFile(settings.order_terms_file, context.keys.keyring, settings.law)
    terms = TermsReader(stores.watchlist, context.checkpoints, kept)
    context.stack.callback(terms.keep)
    with ThreadPoolExecutor(1, "open-networks") as beside:
        opening = beside.submit(open_pack, settings, pack)
        terms.read()
    engines = EngineInUse(opening.result(), settings.threads, decoder.decode)
    return RecognitionParts(engines, terms, jobs=(PeriodicJob("keep_order_terms", KEEP_TERMS_PERIOD_S, terms.keep),))


FOLLOW_PERIOD_S = 2.0
CATCH_UP_PERIOD_S = 5.0
LEARN_PERIOD_S = 600.0


@dataclass(frozen=True)
class GalleryParts(Part):
    """The gallery in use, and the loops that keep it up to date."""

    engines: EngineInUse
    snapshots: SnapshotHolder
    freshness: FreshnessGauge
    source: str
    """The name of the watchlist's source; empty when none is configured."""
    model: ModelFollower
    law: LawFollower

    def searched_model(self) -> str:
        """Return the model version of the templates that are searched."""
        return self.snapshots.current.gallery.model_version

    def follow(self) -> None:
        """Switch to another model if one was chosen, and apply the changes of the law and the watchlist."""
        self.law.follow()
        self.model.follow()
        if self.snapshots.follow():
            self.freshness.read()

    def follow_now(self) -> None:
        """Put a synchronisation's subjects, or another law, into the search before it is reported as done."""
        self.law.follow()
        self.snapshots.follow()
        self.freshness.read()


def init_gallery(context: Context, recognition: RecognitionParts) -> GalleryParts:
    """Load the watchlist's templates of the engine's model. Raises ProgramError where people would be missing."""
    settings, stores, clock = context.settings, context.stores, context.clock
    engines, terms = recognition.engines, recognition.terms
    pack = engines.engine.pack
    note = context.note_configuration
    note(pack)
    model = searched_model(settings, stores.thresholds, pack)
    snapshots = SnapshotHolder(stores.watchlist.templates, terms, clock, model, settings.gallery_storage)
    check_complete(snapshots.current, pack, stores.models)
    sources = ModelStores(stores.models, stores.thresholds, stores.photographs, stores.audit)
    follower = ModelFollower(settings, sources, engines, snapshots, clock, context.actor, note)
    context.stack.callback(follower.close)
    source = source_name(settings.watchlist.source, settings.home.zone)
    limit = timedelta(hours=settings.freshness_limit_hours)
    freshness = FreshnessGauge(stores.watchlist, terms, clock, limit, source, lambda: snapshots.current.unrecognisable)
    learner = ThresholdLearner(
        LearningStores(stores.thresholds, stores.scores, stores.field, stores.watchlist.templates),
        LearningSite(settings.home.site, len(settings.cameras), settings.target_fpir, settings.threshold_learning),
        context.checkpoints,
        clock,
        context.actor,
        lambda: snapshots.current,
        lambda: engines.engine.pack,
    )
    parts = GalleryParts(engines, snapshots, freshness, source, follower, context.law)
    jobs = (
        PeriodicJob("follow_gallery", FOLLOW_PERIOD_S, parts.follow),
        LeaderJob("make_templates", CATCH_UP_PERIOD_S, follower.catch_up),
        LeaderJob("learn_threshold", LEARN_PERIOD_S, learner.learn),
    )
    return replace(parts, jobs=jobs)
