"""Looks for servers that were refused at their start, so that somebody who watches those that run learns of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.troubles import MAX_ABOUT, MAX_DETAIL, Fault
from cekalwatch.server.refused_start import RefusedServer
from cekalwatch.server.troubles.board import TroubleBoard


@dataclass(frozen=True)
class RefusalWatch:
    """Looks at what refused servers have told."""

    told: Callable[[], Collection[RefusedServer]]
    """Reads them, the newest first; blocks."""
    board: TroubleBoard

    def look(self) -> None:
        """Bring the troubles of refused servers up to date; it blocks."""
        faults = {one.about: one for one in reversed(list(self._faults()))}  # of several of one name the newest
        self.board.agree(list(faults.values()), lambda kind, _: kind is TroubleKind.SERVER_REFUSED)

    def _faults(self) -> Iterator[Fault]:
        for one in self.told():
            details = {"reason": one.reason.value, "machine": one.machine, "version": one.version}
            shown = {name: _printable(value, MAX_DETAIL) for name, value in details.items()}
            yield Fault(TroubleKind.SERVER_REFUSED, _printable(one.name, MAX_ABOUT), details=shown)


def _printable(text: str, most: int) -> str:
    """Make a text fit to be shown: the row was written by whoever can write the database."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:most] or "?"
