"""All settings of the server: a TOML file, environment variables `CEKALWATCH_SERVER_…`, command line options.

The other files of this folder have their sections, by theme.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from pydantic_settings import SettingsConfigDict

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.program.settings import extended
from cekalwatch.server.settings.alerts import AlertSection
from cekalwatch.server.settings.checkpoint import (
    CheckpointSection,
    RecognitionSection,
    WatchlistSection,
)
from cekalwatch.server.settings.network import MonitoringSection, NetworkSection, SignInSection
from cekalwatch.server.settings.storage import AuditSection, BackupSection

OLD_NAMES: Final[Mapping[str, str]] = {
    "revocations_limit_s": "revocations_limit_seconds",
    "keep_alive_period_s": "keep_alive_period_seconds",
    "reader_stall_s": "reader_stall_seconds",
    "wanted_fpir": "target_fpir",
    "receipt_delay_s": "receipt_delay_seconds",
    "heartbeat_period_s": "heartbeat_period_seconds",
    "handshake_s": "handshake_seconds",
    "passage_idle_s": "passage_idle_seconds",
    "grouping_window_s": "grouping_window_seconds",
    "late_after_s": "late_after_seconds",
    "claim_lease_s": "claim_lease_seconds",
    "escalate_after_s": "escalate_after_seconds",
    "settle_after_s": "settle_after_seconds",
    "escalate_again_after_s": "escalate_again_after_seconds",
    "cleared_image_retention_h": "cleared_image_retention_hours",
    "least_camera_fps": "min_camera_fps",
    "trouble_retention_days": "problem_retention_days",
    "port_silence_min": "port_silence_minutes",
    "freshness_limit_h": "freshness_limit_hours",
    "import_stall_s": "import_stall_seconds",
    "import_record_s": "import_record_seconds",
    "session_lifetime_h": "session_lifetime_hours",
    "session_idle_min": "session_idle_minutes",
    "watchlist.source.access.timeout_s": "timeout_seconds",
    "watchlist.source.access.back_off_s": "back_off_seconds",
    "watchlist.source.most_page_bytes": "max_page_bytes",
    "watchlist.source.whole_every_h": "whole_every_hours",
    "watchlist.source.changed_overlap_s": "changed_overlap_seconds",
    "watchlist.source.timeout_s": "timeout_seconds",
    "watchlist.sync.period_s": "period_seconds",
    "watchlist.sync.retry_first_s": "retry_first_seconds",
    "watchlist.sync.retry_most_s": "retry_max_seconds",
    "watchlist.sync.shrink_least": "shrink_min_orders",
    "backup.limit_h": "limit_hours",
}


@extended
class ServerSettings(
    MonitoringSection,
    BackupSection,
    AuditSection,
    SignInSection,
    WatchlistSection,
    AlertSection,
    CheckpointSection,
    RecognitionSection,
    NetworkSection,
):
    """Every setting of `cekalwatch-server`, with its default; extensions add theirs.

    The sections appear from the last base to the first.
    """

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_SERVER_")
    old_names = OLD_NAMES

    @property
    def capture_policies(self) -> dict[str, CapturePolicy]:
        """What each camera may send, by its key."""
        return {one.camera_id: one.capture_policy.applied_to(self.capture_policy) for one in self.cameras}

    def differing(self, other: Self) -> tuple[str, ...]:
        """Return the names of the settings that differ, those of capture policies left out."""
        names = set(type(self).model_fields) - {"capture_policy"}
        return tuple(sorted(name for name in names if getattr(self, name) != getattr(other, name)))
