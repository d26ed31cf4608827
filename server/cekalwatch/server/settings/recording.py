"""Records in the audit trail what decides about people, when it has changed: settings, threshold, model pack."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from cekalwatch.server.audit.entry import Action, Actor
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.vision.manifest import MANIFEST_FILE, Pack, file_sha256


def note_configuration(settings: ServerSettings, pack: Pack, store: AuditStore, actor: Actor, now: datetime) -> None:
    """Record the settings, the threshold and the model pack, which decide about people, if they differ from the last
    record.

    Hashes stand for the settings and the pack's manifest. The address of the database may hold a password, and a hash
    of that could be guessed, so it is left out.
    """
    text = json.dumps(settings.model_dump(mode="json", exclude={"database_url"}), sort_keys=True, separators=(",", ":"))
    facts: dict[str, int | str] = {
        "pack": pack.model_version,
        "pack_sha256": file_sha256(pack.path(MANIFEST_FILE)),
        "settings_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "threshold": "by the pack" if settings.threshold is None else str(settings.threshold),
    }
    store.append_changed(actor, Action.CONFIGURATION_CHANGED, facts, now)
