"""The kinds of sources that a configuration may state, and how each is opened.

Extensions add kinds: `source_settings` has the settings, and `source`, which is slow to load, the source itself.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Protocol, Union

from pydantic import Field

from cekalwatch.program.extensions import extensions
from cekalwatch.server.watchlist.sources.settings import (
    CentreSettings,
    FolderSettings,
    HttpSettings,
    SpreadsheetSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
    from cekalwatch.server.watchlist.sources.source import WatchlistSource

    class AddedSource(Protocol):
        """The settings of a kind that an extension adds."""

        @property
        def kind(self) -> str: ...

    SourceSettings = FolderSettings | HttpSettings | SpreadsheetSettings | CentreSettings | AddedSource
else:
    _ADDED = tuple(one.SourceSettings for one in extensions("source_settings"))
    SourceSettings = Annotated[
        Union[(FolderSettings, HttpSettings, SpreadsheetSettings, CentreSettings, *_ADDED)],  # computed
        Field(discriminator="kind"),
    ]
"""`[watchlist.source]`: one of these, by its `kind`."""


def source_name(settings: SourceSettings | None, zone: tzinfo) -> str:
    """Return the name of the source; empty when there is none."""
    if isinstance(settings, CentreSettings):
        return settings.name
    return open_source(settings, zone).name if settings else ""


def open_source(settings: SourceSettings, zone: tzinfo, caller: PortCaller | None = None) -> WatchlistSource:
    """Return the source, without connecting yet. Times without an offset are in `zone`, the checkpoint's time zone.

    `caller`: who calls if the source is a centre.
    """
    # Each brings a library of its own, which the others do not need.
    match settings:
        case FolderSettings():
            from cekalwatch.server.watchlist.sources.files.folder import FolderSource

            return FolderSource(settings, zone)
        case HttpSettings():
            from cekalwatch.server.watchlist.sources.web.http import HttpSource

            return HttpSource(settings, zone)
        case SpreadsheetSettings():
            from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource

            return SpreadsheetSource(settings, zone)
        case CentreSettings():
            from cekalwatch.server.watchlist.sources.centre.centre import CentreSource

            if caller is None:
                raise ValueError("somebody must call the centre")
            return CentreSource(caller)
        case _:
            added: Callable[[AddedSource, tzinfo], WatchlistSource] = next(
                one.Source for one in extensions("source") if settings.kind == one.KIND
            )
            return added(settings, zone)
