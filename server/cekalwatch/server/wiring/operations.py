"""The service for operators: status and settings."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from cekalwatch.server.backup.record import BackupRecord
from cekalwatch.server.gallery.model_follower import threshold_rule
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.gallery.threshold_outlook import ThresholdOutlooks, threshold_signers
from cekalwatch.server.grpc_api.servicers.operations import OperationsServicer
from cekalwatch.server.health.state.status import MaintenanceReader, StatusService
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.storage import Context


def operations_servicer(context: Context, gallery: GalleryParts, status: StatusService) -> OperationsServicer:
    """Return what serves operators."""
    settings, stores, engines = context.settings, context.stores, gallery.engines
    setting = ThresholdSetting(stores.thresholds, context.clock, lambda: engines.recogniser().model_version)
    outlooks = ThresholdOutlooks(
        stores.thresholds,
        stores.watchlist.templates,
        settings.target_fpir,
        gallery.snapshots.current,
        lambda: engines.engine().pack,
        lambda pack: threshold_rule(settings, stores.thresholds, pack),
    )

    signers = partial(threshold_signers, AuditSearch(context.database), stores.people)

    def today() -> str:
        return context.checkpoints.day(context.clock.now(), settings.home.site).isoformat()

    return OperationsServicer(status, setting, outlooks, signers, today)


def maintenance_reader(context: Context) -> MaintenanceReader:
    """Return the reader of the state of backup, disk and key."""
    settings = context.settings

    def last_backup_at() -> datetime | None:
        last = BackupRecord.load(settings.backup_record_file)
        return last.made_at if last else None

    return MaintenanceReader(settings.data_dir, last_backup_at, settings.backup.limit, context.keys, context.clock)
