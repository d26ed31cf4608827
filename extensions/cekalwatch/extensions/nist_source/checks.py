"""Checks that the folder of packages is there."""

from __future__ import annotations

from collections.abc import Iterator

from cekalwatch.extensions.nist_source.source_settings import PackagesSettings
from cekalwatch.program.checks.results import Judged
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.checks.network import check_path


def other_places(settings: ServerSettings) -> Iterator[tuple[str, Judged]]:
    """Yield the folder, if it is the source."""
    source = settings.watchlist.source
    if isinstance(source, PackagesSettings):
        yield "source", check_path(source.path)
