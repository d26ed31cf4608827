"""Reports of the servers of one database: their state, cameras and agents, and failed starts.

A report is valid for `LASTS` by the database's clock; after that the server and its streams count as gone. On SQLite
there are no other servers. Methods block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy
import structlog
from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session, col, delete, func, select

from cekalwatch.server.domain.presence import AgentPresence, CameraPresence, GatePresence, ReportedRun, ServerRun
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.refusals import RefusedServer, StartRefusal
from cekalwatch.server.storage.cluster.tables import AgentPresenceRow, CameraPresenceRow, RefusedServerRow, ServerRunRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError

LASTS = timedelta(seconds=6)
"""How long a server counts as alive after its last report."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""How long what an earlier run of a server told of its cameras is kept."""

_CAMERA: TypeAdapter[CameraPresence] = TypeAdapter(CameraPresence)
_AGENT: TypeAdapter[AgentPresence] = TypeAdapter(AgentPresence)
_GATES: TypeAdapter[dict[str, GatePresence]] = TypeAdapter(dict[str, GatePresence])


@dataclass(frozen=True)
class LastTold:
    """The time of a server's last report."""

    address: str
    seen_at: datetime
    """By the database's clock."""
    quiet: timedelta
    """Since then."""


class PresenceStore:
    """Of the database; `clock` is this server's own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def tell(
        self, run: ServerRun, cameras: Mapping[str, CameraPresence], agents: Mapping[str, AgentPresence]
    ) -> timedelta:
        """Report this server, the cameras whose presence has changed, and all agents. Raises StorageError.

        Returns how far this server's clock is ahead of the database's (negative: behind).
        """
        if not self._database.is_shared:
            return timedelta()
        with self._database.session() as session:
            now, ahead = self._compare_clocks(session)
            before = (col(ServerRunRow.name) == run.name) & (col(ServerRunRow.run_id) != run.run_id)
            session.exec(delete(ServerRunRow).where(before & (col(ServerRunRow.seen_at) < now - FORGOTTEN_AFTER)))
            facts = {name: getattr(run, name) for name in ServerRun.__dataclass_fields__} | {"law": dict(run.law)}
            facts["gates"] = _GATES.dump_python(dict(run.gates), mode="json")
            session.merge(ServerRunRow(**facts, seen_at=now, clock_ahead_ms=round(ahead.total_seconds() * 1000)))
            session.flush()
            for camera_id, camera in sorted(cameras.items()):
                told = _CAMERA.dump_python(camera, mode="json")
                session.merge(CameraPresenceRow(run_id=run.run_id, camera_id=camera_id, facts=told))
            mine = col(AgentPresenceRow.run_id) == run.run_id
            known = {row.agent_id: row.facts for row in session.exec(select(AgentPresenceRow).where(mine))}
            if gone := known.keys() - agents.keys():
                session.exec(delete(AgentPresenceRow).where(mine, col(AgentPresenceRow.agent_id).in_(gone)))
            for agent_id, agent in sorted(agents.items()):
                facts = _AGENT.dump_python(agent, mode="json") | _sorted(agent)
                if known.get(agent_id) != facts:
                    session.merge(AgentPresenceRow(run_id=run.run_id, agent_id=agent_id, facts=facts))
            session.commit()
        return ahead

    def _compare_clocks(self, session: Session) -> tuple[datetime, timedelta]:
        """Return the database's time, and by how much this server's is ahead; the time that asking takes is halved."""
        session.connection()  # connecting takes longer
        before, now, after = self._clock.now(), database_now(session), self._clock.now()
        return now, before + (after - before) / 2 - now

    def told(self) -> list[ReportedRun]:
        """Return the reports of all servers, the living ones first, then by name and start. Raises StorageError."""
        if not self._database.is_shared:
            return []
        with self._database.session() as session:
            now = database_now(session)
            found = [_told(session, row, now) for row in session.exec(select(ServerRunRow))]
        return sorted(found, key=lambda one: (not one.alive, one.run.name, one.run.started_at))

    def newest_of(self, name: str) -> LastTold | None:
        """Return the run of that name with the newest report. Raises StorageError."""
        if not self._database.is_shared:
            return None
        with self._database.session() as session:
            runs = select(ServerRunRow).where(ServerRunRow.name == name).order_by(col(ServerRunRow.seen_at).desc())
            row, now = session.exec(runs).first(), database_now(session)
        return LastTold(row.address, row.seen_at, now - row.seen_at) if row else None

    def dead(self) -> list[ReportedRun]:
        """Return the servers that died, of whose name none runs. Raises StorageError."""
        told = self.told()
        running = {one.run.name for one in told if one.alive}
        return list({one.run.name: one for one in told if one.run.name not in running}.values())

    def forget(self, name: str) -> bool:
        """Take a server that died out; return whether there was one. Raises StorageError."""
        gone = [one.run.run_id for one in self.dead() if one.run.name == name]
        for run_id in gone:
            self.leave(run_id)
        return bool(gone)

    def leave(self, run_id: str) -> None:
        """Forget this server, which stops. Raises StorageError."""
        if self._database.is_shared:
            with self._database.session() as session:
                session.exec(delete(ServerRunRow).where(col(ServerRunRow.run_id) == run_id))
                session.commit()


def database_now(session: Session) -> datetime:
    """Return the time by PostgreSQL's clock."""
    now: datetime = session.execute(sqlalchemy.select(func.clock_timestamp())).scalar_one()
    return now


def _told(session: Session, row: ServerRunRow, now: datetime) -> ReportedRun:
    alive = abs(now - row.seen_at) <= LASTS  # no server writes a time that lies ahead
    cameras = session.exec(select(CameraPresenceRow).where(col(CameraPresenceRow.run_id) == row.run_id))
    agents = session.exec(select(AgentPresenceRow).where(col(AgentPresenceRow.run_id) == row.run_id))
    return ReportedRun(
        ServerRun(**{name: getattr(row, name) for name in ServerRun.__dataclass_fields__} | {"gates": _gates(row)}),
        row.seen_at,
        alive,
        timedelta(milliseconds=row.clock_ahead_ms),
        {one.camera_id: camera for one in cameras if (camera := _camera(one)) is not None},
        {one.agent_id: _agent(one) for one in agents} if alive else {},
    )


def _gates(row: ServerRunRow) -> dict[str, GatePresence]:
    try:
        return _GATES.validate_python(row.gates or {})
    except ValidationError:  # of another version of the program
        return {}


def _camera(row: CameraPresenceRow) -> CameraPresence | None:
    try:
        return _CAMERA.validate_python(row.facts)
    except ValidationError:  # of another version of the program
        return None


def _sorted(agent: AgentPresence) -> dict[str, list[str]]:
    """Return the sets of an agent in one order, so that the same ones are the same facts."""
    return {"counters": sorted(agent.counters), "people": sorted(agent.people)}


def _agent(row: AgentPresenceRow) -> AgentPresence:
    try:
        return AgentPresence() if row.facts is None else _AGENT.validate_python(row.facts)
    except ValidationError:  # of another version of the program: it may watch everything
        return AgentPresence()


TOLD_FOR = timedelta(hours=1)
"""How long a refusal counts without repetition: a service manager starts a server once a minute or more often."""
MAX_TOLD = 20
"""The newest refusals count; whoever can write the database could add any number."""
LOCK_TIMEOUT = "2s"
"""An upgrade of the tables may hold them for long."""

log = structlog.get_logger()


class RefusalStore:
    """Reports of servers that were refused at their start.

    A server writes this without its keys; if the tables are of another version, it writes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, refused: RefusedServer) -> None:
        """Write that a server was refused now. A failure to write is logged."""
        if not self._database.is_shared:
            return
        try:
            with self._database.session() as session:
                session.connection().exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                now = database_now(session)
                session.exec(delete(RefusedServerRow).where(col(RefusedServerRow.refused_at) < now - TOLD_FOR))
                facts = vars(replace(refused, refused_at=now))
                session.merge(RefusedServerRow(**facts))
                session.commit()
        except StorageError as error:
            log.warning("refusal_not_told", reason=str(error))

    def forget(self, refused: RefusedServer) -> None:
        """Remove the refusal of a server of that name or in that folder, which runs now. Raises StorageError."""
        if not self._database.is_shared:
            return
        row = RefusedServerRow
        here = (col(row.machine) == refused.machine) & (col(row.folder) == refused.folder)
        with self._database.session() as session:
            session.exec(delete(row).where((col(row.name) == refused.name) | here))
            session.commit()

    def told(self) -> list[RefusedServer]:
        """Return what still counts, the newest first. Raises StorageError."""
        if not self._database.is_shared:
            return []
        row = RefusedServerRow
        with self._database.session() as session:
            now = database_now(session)
            recent = select(row).where(col(row.refused_at) >= now - TOLD_FOR)
            found = session.exec(recent.order_by(col(row.refused_at).desc()).limit(MAX_TOLD)).all()
        return [_refused(one) for one in found]


def _refused(row: RefusedServerRow) -> RefusedServer:
    known = row.reason in set(StartRefusal)
    reason = StartRefusal(row.reason) if known else StartRefusal.OTHER  # of a newer version of the program
    return RefusedServer(row.name, row.machine, row.folder, row.version, reason, row.refused_at)
