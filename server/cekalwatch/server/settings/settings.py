"""All settings of the server: a TOML file, environment variables `CEKALWATCH_SERVER_…`, command line options."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from cekalwatch.server.settings.alerts import AlertSection
from cekalwatch.server.settings.capture import CaptureSection
from cekalwatch.server.settings.checkpoint import CheckpointSection
from cekalwatch.server.settings.network import NetworkSection
from cekalwatch.server.settings.recognition import RecognitionSection
from cekalwatch.server.settings.sign_in import SignInSection
from cekalwatch.server.settings.troubles import TroubleSection
from cekalwatch.server.settings.watchlist import WatchlistSection


class ServerSettings(
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
