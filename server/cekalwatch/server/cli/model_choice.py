"""Which model the database or the settings name, by descriptions alone: no network is loaded for it."""

from __future__ import annotations

from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.models.store import ModelChoice, ModelStore
from cekalwatch.vision.manifest import Pack, read_manifest


def model_of(pack: Pack) -> ModelChoice:
    """Return what choosing this pack means."""
    return ModelChoice(pack.name, pack.model_version)


def model_in_use(settings: ServerSettings, models: ModelStore) -> ModelChoice:
    """Return what was switched to, or else what the settings name. Raises PackError."""
    chosen = models.chosen()
    return chosen.current if chosen else model_of(read_manifest(settings.models_path / settings.model_pack))
