"""Tells when what decides about people has changed since the last start: settings, threshold, model pack."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.vision.manifest import MANIFEST_FILE, Pack, file_sha256

CHANGED = "changed"


def configuration_facts(settings: ServerSettings, pack: Pack) -> dict[str, int | str]:
    """Return what is recorded: hashes of the settings and of the pack's manifest, and the threshold in words.

    The address of the database may hold a password, and a hash of that could be guessed, so it is left out.
    """
    values = settings.model_dump(mode="json", exclude={"database_url"})
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return {
        "pack": pack.model_version,
        "pack_sha256": file_sha256(pack.path(MANIFEST_FILE)),
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "threshold": "by the pack" if settings.threshold is None else str(settings.threshold),
    }


def note_configuration(store: AuditStore, facts: dict[str, int | str], actor: Actor, now: datetime) -> None:
    """Record `facts`, with the names of those that changed, unless the actor's last entry says the same."""
    before = store.last_details(actor, Action.CONFIGURATION_CHANGED)
    changed = [name for name, value in facts.items() if before.get(name) != value]
    if changed:
        details = facts | {CHANGED: " ".join(changed)}
        store.append(AuditEntry(now, actor, Action.CONFIGURATION_CHANGED, details=details))
