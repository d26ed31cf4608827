"""The servers that share a database: the reports of this one and of the others, and whether they are compatible.

Each server reports about once a second. An incompatible server does not start: with another law it would obey orders
that the others do not, with another model it would search templates that they lack, with another clock it would end
claims and sessions too early, and with a distant version it would not understand their data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.presence import AgentPresence, CameraPresence, ReportedRun, ServerRun
from cekalwatch.server.domain.versions import is_behind
from cekalwatch.server.foundation.refusals import StartRefusal, StartRefusedError
from cekalwatch.server.storage.cluster.presence_store import LASTS, PresenceStore

MAX_CLOCK_DIFFERENCE = timedelta(seconds=2)
"""Maximum difference of two servers' clocks, which decide about claims, sessions and a synchronisation's lease."""


def check_agreement(
    myself: ServerRun, clock_ahead: timedelta, others: Iterable[ReportedRun], *, model_chosen: bool
) -> None:
    """Raise StartRefusedError when this starting server is not compatible with a running one.

    `clock_ahead`: difference of this server's clock to the database's. With `model_chosen` the database names the
    model, and each server changes to it at its own time.
    """
    for other in others:
        was_myself = other.run.name == myself.name  # an earlier run: `Peers` has checked that it died
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
"""A server counts as dead after this time without a report; a running one reports each second, or later under load."""
NAMESAKE_PERIOD_S = 0.25


@dataclass(frozen=True)
class Load:
    """The load of a server."""

    captures_waiting: int
    """Captures that wait to be embedded."""
    captures_total: int
    """Captures since its start."""


@dataclass(frozen=True)
class WholePresence:
    """Cameras and agents that are connected to any of the servers, at one moment."""

    servers: tuple[ReportedRun, ...]
    """This server first, then the other running ones, then dead ones."""
    cameras: Mapping[str, tuple[CameraPresence, str]]
    """Each reported camera, with the name of the server that heard it last."""
    agents: Mapping[str, str]
    """Each subscribed agent, with the name of its server."""
    watched: Mapping[str, AgentPresence] = field(default_factory=dict)
    """What each of them watches."""


class Peers:
    """Reports on the server whose run is `myself`. Methods block; one thread reports, any thread may ask."""

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
        """How far this server's clock was ahead of the database's at the last report (negative: behind)."""

    def join(self, *, model_chosen: bool) -> None:
        """Begin to report. Raises StartRefusedError when this server is not compatible with the others.

        With `model_chosen` the database names the model. Raises StorageError.
        """
        self._refuse_namesake()
        self.tell()  # first, so that of two servers that start at the same time, one sees the other
        myself = self._myself()
        try:
            check_agreement(myself, self.clock_ahead, self._store.told(), model_chosen=model_chosen)
        except StartRefusedError:
            self.leave()
            raise

    def _refuse_namesake(self) -> None:
        """Raise StartRefusedError when another running server has this name."""
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
        """Report this server's state, and the changes of its cameras. Raises StorageError."""
        cameras = dict(self._presence.cameras)
        changed = {name: one for name, one in cameras.items() if self._told.get(name) != one}
        run = self._as_it_does()
        self.clock_ahead = self._store.tell(run, changed, self._presence.agents)
        self._told, self._run = cameras, run

    def leave(self) -> None:
        """Report that this server stops. Raises StorageError."""
        self._store.leave(self._myself().run_id)

    def whole(self) -> WholePresence:
        """Return the connections of all servers; those of this one are current. Raises StorageError."""
        return self._whole({one.run.run_id: one for one in self._store.told()})

    def alone(self) -> WholePresence:
        """Return the connections of this server, without reading the database."""
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
        watched = {name: one for server in reversed(servers) for name, one in server.agents.items()}
        running = {one.run.name for one in servers if one.alive}
        listed = tuple(one for one in servers if one.alive or one.run.name not in running)
        return WholePresence(listed, cameras, agents, watched)

    def _as_it_does(self) -> ServerRun:
        load, (before_s, counted) = self._load(), self._counted
        now_s = time.monotonic()
        self._counted = (now_s, load.captures_total)
        rate = (load.captures_total - counted) / max(now_s - before_s, 0.001)
        return replace(self._myself(), captures_waiting=load.captures_waiting, captures_per_second=round(rate, 2))


def _newer(one: CameraPresence, other: CameraPresence) -> bool:
    """Whether `one` describes the camera's present state better."""
    if (one.streams > 0) != (other.streams > 0):
        return one.streams > 0
    if one.last_heard_at is None or other.last_heard_at is None:
        return one.last_heard_at is not None
    return one.last_heard_at > other.last_heard_at
