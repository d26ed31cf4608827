"""Chooses the model that a server uses, and changes a running server to another one without a pause.

The settings name the pack for a new database; after `gallery switch` the database names it, for all servers at once.
While a server loads the other model, the old one is used; then engine and gallery are exchanged together. A probe of
the old model that meets a gallery of the new one is not compared, but embedded again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import structlog

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.gallery.rebuilding import Rebuilder, RebuildStep
from cekalwatch.server.gallery.snapshot import GallerySnapshot, SearchedModel, SnapshotHolder
from cekalwatch.server.gallery.threshold import ThresholdRule
from cekalwatch.server.learning.learned_threshold import LearningBounds
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.recognition.packs.installed import Engine, load_named, open_engine
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.server.storage.models.store import Coverage, ModelChoice, ModelsChosen, ModelStore
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.vision.inference import InferenceChoice
from cekalwatch.vision.manifest import Pack, PackError

MAX_STEPS_A_ROUND = 3
ROUNDS_BETWEEN_TRIES = 30
"""A pack that cannot be used is tried again about once a minute, because reading it takes time."""

log = structlog.get_logger()


class ModelSettings(Protocol):
    """The server's settings of the model."""

    @property
    def models_path(self) -> Path:
        """The folder of model packs."""

    @property
    def model_pack(self) -> str:
        """Name of the pack."""

    @property
    def inference_choice(self) -> InferenceChoice:
        """The engine that computes templates."""

    @property
    def target_fpir(self) -> float:
        """Share of passages of people who are not listed that may alert."""

    @property
    def threshold(self) -> float | None:
        """Decision threshold; None for the pack's own."""

    @property
    def threshold_learning(self) -> LearningBounds:
        """How the pack's own threshold follows the passages of the site."""


def trusted_choice(models: ModelStore) -> ModelsChosen | None:
    """Return the model that was switched to; None also if that row was changed, so that the settings apply."""
    try:
        return models.chosen()
    except ChangedRowError:
        return None


def pack_in_use(settings: ModelSettings, models: ModelStore) -> Pack:
    """Return the pack that the database, or else the settings, name. Raises PackError."""
    chosen = trusted_choice(models)
    if chosen is None:
        return load_named(settings.models_path, settings.model_pack)
    if chosen.current.pack != settings.model_pack:
        log.warning("model_of_database_used", pack=chosen.current.pack, settings=settings.model_pack)
    return chosen_pack(settings, chosen.current)


def chosen_pack(settings: ModelSettings, choice: ModelChoice) -> Pack:
    """Return an installed pack of exactly that model version. Raises PackError."""
    pack = load_named(settings.models_path, choice.pack)
    if pack.model_version != choice.model_version:
        raise PackError(
            f"The database uses the model {choice.model_version}, and the pack {choice.pack} in {settings.models_path} "
            f"is {pack.model_version}. Install that version of the pack."
        )
    return pack


def open_pack(settings: ModelSettings, pack: Pack) -> Engine:
    """Load the networks of a pack by the settings, each call on one thread. Raises PackError."""
    return open_engine(pack, threads=1, choice=settings.inference_choice)


def threshold_rule(settings: ModelSettings, thresholds: ThresholdStore, pack: Pack) -> ThresholdRule:
    """Return the rule of the pack's threshold. A threshold in the settings applies to the pack that they name."""
    configured = settings.threshold if pack.name == settings.model_pack else None
    return ThresholdRule(
        thresholds,
        pack.score_version,
        pack.decision_thresholds,
        settings.target_fpir,
        configured,
        settings.threshold_learning,
    )


def searched_model(settings: ModelSettings, thresholds: ThresholdStore, pack: Pack) -> SearchedModel:
    """Return the pack's model with its threshold."""
    rule = threshold_rule(settings, thresholds, pack)
    return SearchedModel(pack.model_version, pack.recogniser.size, rule.now, pack.likeness, pack.cohort)


@dataclass(frozen=True)
class ModelStores:
    """The stores that choosing and changing a model needs."""

    models: ModelStore
    thresholds: ThresholdStore
    photographs: PhotographStore
    audit: AuditStore


class ModelFollower:
    """Changes to the model that the database names, and makes missing templates. Methods block."""

    def __init__(
        self,
        settings: ModelSettings,
        stores: ModelStores,
        engines: EngineInUse,
        holder: SnapshotHolder,
        clock: Clock,
        actor: Actor,
        note_change: Callable[[Pack], None],
    ) -> None:
        """`note_change` records that another pack is in use."""
        self._settings = settings
        self._stores = stores
        self._engines = engines
        self._holder = holder
        self._clock = clock
        self._actor = actor
        self._note_change = note_change
        self._waits = 0
        self._complete = ("", 0)
        self._workers = BackgroundThreads(1, "catch-up")

    def close(self) -> None:
        """End the thread that makes templates."""
        self._workers.shutdown(cancel_futures=True)

    def follow(self) -> bool:
        """Change to another model if the database names one; return whether it did. One caller at a time.

        If the model cannot be loaded here, this is logged, and the old one stays in use.
        """
        chosen = trusted_choice(self._stores.models)
        if chosen is None or chosen.current.model_version == self._engines.engine.recogniser.model_version:
            self._waits = 0
            return False
        if self._waits:
            self._waits -= 1
            return False
        try:
            self._change(chosen.current)
        except PackError as error:
            log.error("model_not_usable", problem=str(error))  # noqa: TRY400
            self._waits = ROUNDS_BETWEEN_TRIES
            return False
        return True

    def catch_up(self) -> None:
        """Make a few templates of the model in use for reference faces that have none.

        They were enrolled by a server or command that had not changed to this model yet.
        """
        snapshot = self._holder.current
        state = (snapshot.gallery.model_version, snapshot.version)
        # The search reads all reference faces, so it is done only if some lack a template, and once for each state.
        if not snapshot.references_without_template or state == self._complete:
            return
        enroller = self._engines.enroller
        rebuilder = Rebuilder(self._stores.photographs, enroller, self._workers)
        steps = list(islice(rebuilder.steps(), MAX_STEPS_A_ROUND))
        if steps:
            self._stores.audit.append(rebuilt_entry(self._clock, self._actor, enroller.model_version, steps))
        else:
            self._complete = state

    def _change(self, choice: ModelChoice) -> None:
        pack = chosen_pack(self._settings, choice)
        engine = open_pack(self._settings, pack)
        model = searched_model(self._settings, self._stores.thresholds, pack)
        snapshot = self._holder.loaded(model)
        if snapshot.blind:
            raise PackError(f"Nobody has a usable template of {choice.model_version}: see gallery status")
        # Recorded first: if recording fails, the next check makes and records the change.
        self._note_change(pack)
        self._engines.take(engine)
        self._holder.take(model, snapshot)
        log.info("model_changed", model_version=choice.model_version, templates=len(snapshot.gallery))


def rebuilt_entry(clock: Clock, actor: Actor, model_version: str, steps: list[RebuildStep]) -> AuditEntry:
    """Return the audit entry on templates that were made from stored photographs."""
    details: dict[str, int | str] = {
        "model": model_version,
        "embedded": sum(step.embedded for step in steps),
        "refused": sum(step.refused for step in steps),
    }
    return AuditEntry(clock.now(), actor, Action.GALLERY_REBUILT, details=details)


def check_complete(snapshot: GallerySnapshot, pack: Pack, models: ModelStore) -> None:
    """Raise ProgramError, which says what to run, when the gallery lacks people that should be in it.

    This happens when the settings name another model than that of the templates, and when nobody can be searched
    because templates or orders are missing or damaged. A server starts without any photograph of a searched person,
    since photographs may be imported through it; it answers cameras when there is one.
    """
    coverage = models.coverage(pack.model_version)
    if coverage.missing and trusted_choice(models) is None:
        others = [one for one in models.coverages() if one.missing < coverage.missing]
        if others:
            raise _other_model(pack, coverage, min(others, key=lambda one: one.missing))
    if snapshot.blind and (coverage.missing or snapshot.unusable_templates or snapshot.people.unreadable):
        raise _nobody(snapshot, pack, coverage)


def _other_model(pack: Pack, coverage: Coverage, other: Coverage) -> ProgramError:
    return ProgramError(
        f"The settings name the model pack {pack.name}, of which {coverage.missing} reference faces have no template; "
        f"they have templates of {other.model_version}. Set model_pack to the pack of that model again, and change the "
        f"model with: cekalwatch-server gallery rebuild --pack {pack.name}, then gallery switch --pack {pack.name} "
        "(docs/changing-the-model.md).",
        Exit.CONFIG,
    )


def _nobody(snapshot: GallerySnapshot, pack: Pack, coverage: Coverage) -> ProgramError:
    return ProgramError(
        f"Nobody would be searched: of {snapshot.people.searched} people with an order in force or to come, none has a "
        f"usable template ({coverage.missing} are missing, {snapshot.unusable_templates} damaged), and of "
        f"{snapshot.people.unreadable} people not all orders can be read. Missing templates are made by: "
        f"cekalwatch-server gallery rebuild --pack {pack.name}. For what is damaged, restore a backup, or import the "
        "list with its photographs again: cekalwatch-server watchlist import.",
        Exit.DATA_PROBLEMS,
    )
