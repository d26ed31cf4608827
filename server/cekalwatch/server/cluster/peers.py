"""The servers that share a database: what this one reports to the others, what all report, and whether they agree.

Each server reports about once a second. A server with another law would obey orders that the others do not, one with
another model would search templates that the others lack, one with another clock would end claims and sessions before
their time, and one of a distant version would not understand what they write: it does not start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from cekalwatch.server.domain.versions import is_behind
from cekalwatch.server.health.probes import CameraPresence, Presence, ReportedRun, ServerRun
from cekalwatch.server.refusals import StartRefusal, StartRefusedError
from cekalwatch.server.storage.cluster.presence_store import LASTS, PresenceStore

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


NAMESAKE_DIED_AFTER = LASTS
"""A server that has told nothing for so long has died; one that lives tells each second, on a busy machine later."""
NAMESAKE_PERIOD_S = 0.25


@dataclass(frozen=True)
class Load:
    """How much a server has to do."""

    captures_waiting: int
    """To be embedded."""
    captures_total: int
    """Since it started."""


@dataclass(frozen=True)
class WholePresence:
    """Who is connected to any of the servers, as of one moment."""

    servers: tuple[ReportedRun, ...]
    """This one first; then the others, those that live before those that died."""
    cameras: Mapping[str, tuple[CameraPresence, str]]
    """Each camera that was heard, and the name of the server that heard it last."""
    agents: Mapping[str, str]
    """Each agent that is subscribed, and the name of its server."""


class Peers:
    """Tells of the server whose run is `myself`. Methods block; one thread tells, any may ask."""

    def __init__(
        self,
        myself: Callable[[], ServerRun],
        presence: Presence,
        load: Callable[[], Load],
        store: PresenceStore,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._myself = myself
        self._presence = presence
        self._load = load
        self._store = store
        self._wait = wait
        self._told: dict[str, CameraPresence] = {}
        self._counted = (time.monotonic(), 0)
        self._run: ServerRun | None = None
        self.clock_ahead = timedelta()
        """By how much this server's clock was ahead of the database's when it told last (negative: behind)."""

    def join(self, *, model_chosen: bool) -> None:
        """Begin to tell. Raises StartRefusedError where this server may not work beside the others.

        With `model_chosen` the database names the model. Raises StorageError.
        """
        self._refuse_namesake()
        self.tell()  # first, so that of two that start at the same moment one sees the other
        myself = self._myself()
        try:
            check_agreement(myself, self.clock_ahead, self._store.told(), model_chosen=model_chosen)
        except StartRefusedError:
            self.leave()
            raise

    def _refuse_namesake(self) -> None:
        """Raise StartRefusedError when another server of this name tells of itself, and did not only before it died."""
        name, before = self._myself().name, None
        while (told := self._store.newest_of(name)) and told.quiet < NAMESAKE_DIED_AFTER:
            if before and told.seen_at > before.seen_at:
                raise StartRefusedError(
                    f"A server with the name {name} works on this database already, at {told.address}. Give each "
                    "server a `server_name` of its own",
                    StartRefusal.NAME_TAKEN,
                )
            before = told
            self._wait(NAMESAKE_PERIOD_S)

    def tell(self) -> None:
        """Tell how this server does, and what has changed with its cameras. Raises StorageError."""
        cameras = dict(self._presence.cameras)
        changed = {name: one for name, one in cameras.items() if self._told.get(name) != one}
        run = self._as_it_does()
        self.clock_ahead = self._store.tell(run, changed, self._presence.agents)
        self._told, self._run = cameras, run

    def leave(self) -> None:
        """Say that this server stops. Raises StorageError."""
        self._store.leave(self._myself().run_id)

    def whole(self) -> WholePresence:
        """Return who is connected anywhere; of this server as it is now. Raises StorageError."""
        return self._whole({one.run.run_id: one for one in self._store.told()})

    def alone(self) -> WholePresence:
        """Return who is connected to this server; it reads nothing."""
        return self._whole({})

    def _whole(self, told: dict[str, ReportedRun]) -> WholePresence:
        run = replace(self._run or self._myself(), captures_waiting=self._load().captures_waiting)
        before = told.pop(run.run_id, None)
        own = ReportedRun(
            run,
            before.seen_at if before else self._presence.now(),
            True,
            before.clock_ahead if before else None,
            self._presence.cameras,
            self._presence.agents,
        )
        servers = (own, *told.values())
        cameras: dict[str, tuple[CameraPresence, str]] = {}
        for server in servers:
            for name, one in server.cameras.items():
                here = one if server.alive else replace(one, streams=0, gone_at=one.gone_at or server.seen_at)
                if name not in cameras or _newer(here, cameras[name][0]):
                    cameras[name] = (here, server.run.name)
        agents = {name: server.run.name for server in reversed(servers) for name in server.agents}
        return WholePresence(servers, cameras, agents)

    def _as_it_does(self) -> ServerRun:
        load, (before_s, counted) = self._load(), self._counted
        now_s = time.monotonic()
        self._counted = (now_s, load.captures_total)
        rate = (load.captures_total - counted) / max(now_s - before_s, 0.001)
        return replace(self._myself(), captures_waiting=load.captures_waiting, captures_per_second=round(rate, 2))


def _newer(one: CameraPresence, other: CameraPresence) -> bool:
    """Whether `one` says more of how the camera is now."""
    if (one.streams > 0) != (other.streams > 0):
        return one.streams > 0
    if one.last_heard_at is None or other.last_heard_at is None:
        return one.last_heard_at is not None
    return one.last_heard_at > other.last_heard_at
