"""What operators ask of the server, and what they set."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from cekalwatch.server.audit.entry import Action, Thing
from cekalwatch.server.audit.search_terms import action_term
from cekalwatch.server.backup.record import BackupRecord
from cekalwatch.server.gallery.model_follower import threshold_rule
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.gallery.threshold_outlook import ThresholdOutlooks, ThresholdSigners
from cekalwatch.server.grpc_api.servicers.operations import OperationsServicer
from cekalwatch.server.health.state.maintenance import MaintenanceReader
from cekalwatch.server.health.state.status import StatusService
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.gallery import GalleryWiring


def operations_servicer(context: Context, gallery: GalleryWiring, status: StatusService) -> OperationsServicer:
    """Return what serves operators."""
    settings, stores, engines = context.settings, context.stores, gallery.engines
    setting = ThresholdSetting(stores.thresholds, context.clock, lambda: engines.recogniser().model_version)
    outlooks = ThresholdOutlooks(
        stores.thresholds,
        stores.watchlist.templates,
        settings.wanted_fpir,
        gallery.snapshots.current,
        lambda: engines.engine().pack,
        lambda pack: threshold_rule(settings, stores.thresholds, pack),
    )

    def signers(model_version: str) -> ThresholdSigners | None:
        """Return who set the threshold last, by the audit trail; None when that was for another model."""
        newest = AuditSearch(context.database).page(AuditQuery((action_term(Action.THRESHOLD_SET),)), 1).found
        for place, link in newest:
            try:
                people = [UUID(one.removeprefix(f"{Thing.PERSON}:")) for one in json.loads(link.objects)]
                of_model = json.loads(link.details)["model"] == model_version
            except (ValueError, KeyError, TypeError):  # the entry is damaged: `audit verify` tells
                return None
            if of_model:
                names = stores.people.display_names(people)
                return ThresholdSigners(place.at, tuple(names[one] for one in people if one in names))
        return None

    def today() -> str:
        return context.checkpoints.day(context.clock.now(), settings.home.site).isoformat()

    return OperationsServicer(status, setting, outlooks, signers, today)


def maintenance_reader(context: Context) -> MaintenanceReader:
    """Return what reads how it stands with backup, disk and key."""
    settings = context.settings

    def last_backup_at() -> datetime | None:
        last = BackupRecord.load(settings.backup_record_file)
        return last.made_at if last else None

    return MaintenanceReader(settings.data_dir, last_backup_at, settings.backup.limit, context.keys, context.clock)
