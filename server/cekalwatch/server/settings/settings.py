"""All settings of the server: a TOML file, environment variables `CEKALWATCH_SERVER_…`, command line options."""

from __future__ import annotations

from typing import Self

from pydantic_settings import SettingsConfigDict

from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.server.settings.alerts import AlertSection
from cekalwatch.server.settings.audit import AuditSection
from cekalwatch.server.settings.backup import BackupSection
from cekalwatch.server.settings.capture import CaptureSection
from cekalwatch.server.settings.checkpoint import CheckpointSection
from cekalwatch.server.settings.monitoring import MonitoringSection
from cekalwatch.server.settings.network import NetworkSection
from cekalwatch.server.settings.notices import NoticeSection
from cekalwatch.server.settings.old_names import OLD_NAMES
from cekalwatch.server.settings.recognition import RecognitionSection
from cekalwatch.server.settings.sign_in import SignInSection
from cekalwatch.server.settings.troubles import TroubleSection
from cekalwatch.server.settings.watchlist import WatchlistSection


class ServerSettings(
    MonitoringSection,
    BackupSection,
    NoticeSection,
    AuditSection,
    SignInSection,
    WatchlistSection,
    TroubleSection,
    AlertSection,
    CaptureSection,
    CheckpointSection,
    RecognitionSection,
    NetworkSection,
):
    """Every setting of `cekalwatch-server`, with its default. The sections appear from the last base to the first."""

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
