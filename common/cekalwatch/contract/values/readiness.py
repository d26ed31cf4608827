"""Whether a listed traveller who passes now would ring at a place, and the one reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReadinessFault(StrEnum):
    """Why the traveller would not ring. Where several reasons hold, the first is told."""

    SERVER = "SERVER"
    """The screen hears nothing from a server; it finds that out by itself."""
    DATABASE = "DATABASE"
    """The database takes no alerts: it is away, hangs or is full."""
    RECOGNITION = "RECOGNITION"
    """The server makes no templates of faces, or does not search."""
    GALLERY = "GALLERY"
    """Nobody is searched although somebody on the list should be."""
    LOG = "LOG"
    """The server does not read the log of events, from which PCs get alerts."""
    CAMERA = "CAMERA"
    """A camera of the place is away, blind or refused."""
    PC = "PC"
    """A counter of the place has no PC that would ring."""
    LATE = "LATE"
    """Faces come faster than the server recognises them: some alerts come late."""
    LIST = "LIST"
    """The list is older than its limit, or was never imported: who was listed since would not ring."""
    SOUND = "SOUND"
    """The PC cannot make a sound; it finds that out by itself."""
    WINDOW = "WINDOW"
    """The PC shows neither its alert window nor its icon; it finds that out by itself."""


class WatchLevel(StrEnum):
    """How many of the listed travellers would ring."""

    ALL = "ALL"
    SOME = "SOME"
    NONE = "NONE"
    UNKNOWN = "UNKNOWN"
    """The server is older than 0.3.0, and does not say."""


@dataclass(frozen=True)
class Readiness:
    """The answer for one place."""

    fault: ReadinessFault | None = None
    """None: the traveller would ring, or only a newer server knows why not."""
    counters: tuple[str, ...] = ()
    """The counters that it is about, with CAMERA and PC."""
    repeat_period_s: float = 0.0
    """The server's next message comes within this time, in seconds; after an event, within twice it."""
    nobody: bool = False
    """With a fault: no listed traveller would ring anywhere at the place."""

    @property
    def level(self) -> WatchLevel:
        """How many would ring."""
        if self.nobody:
            return WatchLevel.NONE
        return WatchLevel.SOME if self.fault else WatchLevel.ALL
