"""Whether a server may work beside the others of its database: all must decide alike.

A server with another law would obey orders that the others do not, one with another model would search templates that
the others lack, one with another clock would end claims and sessions before their time, and one of a version that is
far from theirs would not understand what they write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from cekalwatch.server.domain.versions import is_behind
from cekalwatch.server.health.probes import ReportedRun, ServerRun
from cekalwatch.server.refusals import StartRefusal, StartRefusedError

MAX_CLOCK_DIFFERENCE = timedelta(seconds=2)
"""Between two servers: claims, sessions and the lease of a synchronisation are judged by each server's clock."""


def check_agreement(
    myself: ServerRun, clock_ahead: timedelta, others: Iterable[ReportedRun], *, model_chosen: bool
) -> None:
    """Raise StartRefusedError where this server, which starts, and one that lives do not fit together.

    `clock_ahead` is of this server's clock, against the database's. With `model_chosen` the database names the model,
    which each server changes to at its own time.
    """
    for other in others:
        was_myself = other.run.name == myself.name  # before it died: `Peers` has looked
        if was_myself or not other.alive:
            continue
        where = f"The server {other.run.name} at {other.run.address} works on this database"
        here, there = myself.version, other.run.version
        if is_behind(here, there) or is_behind(there, here):
            raise StartRefusedError(
                f"{where} with the version {there} of this program, and this one is {here}. Servers of a database are "
                "at most one minor version apart: upgrade all to a version between first, or stop all servers "
                "(docs/upgrading.md).",
                StartRefusal.VERSION,
            )
        if differing := list(_differing(myself, other.run)):
            raise StartRefusedError(
                f"{where} with other settings of the law ({'; '.join(differing)}). Give all servers of a database the "
                "same [legal] and [[sites]]; to change them, stop all servers first.",
                StartRefusal.LAW,
            )
        if not model_chosen and other.run.model_version != myself.model_version:
            raise StartRefusedError(
                f"{where} with the model {other.run.model_version}, and this one would use {myself.model_version}. "
                "Name the same `model_pack` in the settings of all servers, and install the same version of it; to "
                "change the model of all, use `gallery switch`.",
                StartRefusal.MODEL,
            )
        apart = clock_ahead - (other.clock_ahead or timedelta())
        if abs(apart) > MAX_CLOCK_DIFFERENCE:
            raise StartRefusedError(
                f"{where}, and the two clocks are {abs(apart).total_seconds():.1f} s apart: this one is "
                f"{_ahead(clock_ahead)} the database's, the other {_ahead(other.clock_ahead or timedelta())}. Set up "
                "NTP on both machines.",
                StartRefusal.CLOCK,
            )


def _differing(myself: ServerRun, other: ServerRun) -> Iterator[str]:
    for name in sorted(myself.law.keys() | other.law.keys()):
        here, there = myself.law.get(name, "none"), other.law.get(name, "none")
        if here != there:
            yield f"{name} is {there} there and {here} here"


def _ahead(by: timedelta) -> str:
    return f"{abs(by).total_seconds():.1f} s {'ahead of' if by >= timedelta() else 'behind'}"
