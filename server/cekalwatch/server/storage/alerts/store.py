"""Stores alerts, the event log and the agents' positions. Each method is one transaction; there is no other state.

Methods block: call them from a worker thread. Sequences rise in the order of commits, also with several servers,
because whoever writes to the log locks it first (`lock_log`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy
import structlog
from sqlalchemy import bindparam, func, or_
from sqlmodel import Session, col, delete, select, update

from cekalwatch.contract.values.adjudication import UNSETTLED, AlertEventType
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.server.audit.alert_entries import alert_entry
from cekalwatch.server.audit.entry import Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.grouping import place
from cekalwatch.server.domain.alerts.match import Match
from cekalwatch.server.domain.exercises import ExerciseEnd
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.agency_history import AgencyHistory, order_keys
from cekalwatch.server.storage.alerts.reading import AlertPassages, readable, searched, selected
from cekalwatch.server.storage.alerts.rows import bare_alert, event_of, new_row, read_alerts, write_match
from cekalwatch.server.storage.alerts.tables import (
    REAL,
    AgentRow,
    AlertEventRow,
    AlertPassageRow,
    AlertRow,
    EventLogRow,
    FindingRow,
    ProbeRow,
    SightingRow,
)
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.columns import PROBE_JPEG
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.ending import end_row, give_way, held, real_alert_waits
from cekalwatch.server.storage.integrity.guarded_session import checked, plain_with_valid_mac, put_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, form_of
from cekalwatch.server.storage.keys.store import hold_sealing_key

log = structlog.get_logger()

MAX_AGENTS = 1000
"""Maximum number of agents with positions: anybody can invent keys, and the status lists all agents."""
EVERYTHING = AlertSearch()
MAX_WAITING = 1_000
"""Maximum number of waiting alerts that are read at once."""

_HELD_PROBE = (
    sqlalchemy.select(ProbeRow, SightingRow)
    .outerjoin(SightingRow, col(SightingRow.capture_id) == col(ProbeRow.capture_id))
    .where(col(ProbeRow.alert_id) == bindparam("alert_id"))
)
_LIVE_BEFORE = sqlalchemy.select(*form_of(SightingRow).table.columns).where(
    col(SightingRow.alert_id) == bindparam("alert_id"),
    col(SightingRow.passage) == bindparam("passage"),
    col(SightingRow.capture_id) != bindparam("capture_id"),
    col(SightingRow.late).is_not(True),
)
_EVENTS_AFTER = (
    select(AlertEventRow)
    .where(col(AlertEventRow.sequence) > bindparam("after"))
    .order_by(col(AlertEventRow.sequence))
    .limit(bindparam("limit"))
)
"""Built once: it runs ten times a second, and to build it takes longer."""
_LOCK = update(EventLogRow).values(pruned_through=EventLogRow.pruned_through)


def lock_log(session: Session) -> None:
    """Lock the event log for writing until the transaction ends; the first step of every writer.

    Nothing is read before it, so that no other process can write in between.
    """
    session.exec(_LOCK)


def position_key(site: str | None, agent_id: str) -> str:
    """Return the key of an agent's position: PCs of one name at two sites have two. Plaintext has no site."""
    return f"{site}/{agent_id}" if site else agent_id


def lowest_positions(positions: Mapping[str, int]) -> dict[str, int]:
    """Return the lowest position of each name. One without a site, of an older release, counts if there is no other."""
    found: dict[str, int] = {}
    for key in sorted(positions, key=lambda one: "/" not in one):
        name = key.rpartition("/")[2]
        if "/" in key or name not in found:
            found[name] = min(positions[key], found.get(name, positions[key]))
    return found


class AlertStore:
    """Alerts in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._passages = AlertPassages(keyring)
        self._agencies = AgencyHistory(database, keyring)

    def record(self, match: Match, window: timedelta, now: datetime) -> AlertEvent | None:
        """Commit `match` as a new alert, or as a sighting of the alert that it joins; see `domain/alerts/grouping.py`.

        Returns the event that was committed with it and with the audit trail's entry, or None when this capture was
        recorded before. Raises StorageError, and STORAGE_UNAVAILABLE when the probe cannot be sealed.
        """
        capture = match.capture
        with self._database.session() as session:
            lock_log(session)
            if session.get(SightingRow, capture.capture_id) is not None:
                return None
            placement = place(match, self._passages.near(session, match, window), window)
            hold_sealing_key(session, self._keyring)
            row = session.get(AlertRow, str(placement.alert.alert_id)) if placement.alert else None
            known = order_keys(row) if row else set()
            if placement.alert is None or row is None:
                kind = AlertEventType.RAISED
                row = new_row(match, placement.new_candidates, now)
            else:
                kind = AlertEventType.SIGHTED
                write_match(row, placement.alert.with_match(match, placement.new_candidates, further=placement.further))
            session.add(row)
            alert = bare_alert(row)
            if alert.open:
                give_way(session, capture.camera.site, Actor(ActorKind.CAMERA, capture.camera.camera_id), now)
            session.flush()
            self._agencies.keep(session, row, known)
            of_passage = [] if placement.further else _live_before(session, row.alert_id, match)
            # A passage came with its first live sighting.
            session.add(_sighting(row, match, min((one.turn or 0 for one in of_passage), default=row.turn)))
            if kind is AlertEventType.RAISED:  # it cannot have any yet
                session.add_all([self._passages.row(alert, match, now), self._probe(row.alert_id, match)])
            else:
                self._passages.keep(session, alert, match, now)
                # A cleared alert has no picture and gets none, although more crops of the same passage may arrive.
                if alert.open:
                    self._keep_better_probe(session, row.alert_id, match)
            committed = _event(session, kind, row, match, now)
            session.commit()
            return committed

    def record_exercise(self, match: Match, exercise_id: UUID, now: datetime) -> AlertEvent | None:
        """Commit the passage of an exercise as an alert of its own, which joins nothing (domain rule 16).

        Returns None where it has an alert already, or has ended, and where a real alert of the site waits: then the
        exercise is withdrawn. Raises as `record` does.
        """
        with self._database.session() as session:
            lock_log(session)
            exercise = held(session, exercise_id)
            if exercise is None or exercise.alert_id is not None:
                return None
            if real_alert_waits(session, exercise.site, now):
                end_row(session, exercise, ExerciseEnd.WITHDRAWN, now)
                session.commit()
                return None
            hold_sealing_key(session, self._keyring)
            row = new_row(match, match.candidates, now, exercise_id)
            session.add(row)
            session.flush()
            session.add_all([_sighting(row, match, row.turn), self._probe(row.alert_id, match)])
            committed = _event(session, AlertEventType.RAISED, row, match, now)
            exercise.alert_id, exercise.raised_at, exercise.sequence = row.alert_id, now, committed.sequence
            session.add(exercise)
            session.commit()
            return committed

    def reading_together(self) -> AbstractContextManager[None]:
        """Read everything that this thread reads in the block, from any store of the database, in one transaction."""
        return self._database.reading_together()

    def get(self, alert_id: UUID) -> Alert:
        """Return an alert with its sightings; raises ALERT_NOT_FOUND."""
        with self._database.session() as session:
            row = session.get(AlertRow, str(alert_id))
            if row is None:
                raise CekalwatchError(Code.ALERT_NOT_FOUND)
            return read_alerts(session, [checked(session, row)], self._keyring)[0]

    def several(self, alert_ids: Sequence[UUID]) -> list[Alert]:
        """Return alerts with their sightings, in the order of the ids; deleted ones are left out."""
        with self._database.session() as session:
            query = select(AlertRow).where(col(AlertRow.alert_id).in_([str(one) for one in alert_ids]))
            rows = {row.alert_id: checked(session, row) for row in session.exec(query)}
            return read_alerts(session, [rows[key] for one in alert_ids if (key := str(one)) in rows], self._keyring)

    def probe(self, alert_id: UUID) -> bytes:
        """Return the best probe's JPEG; empty when it is deleted or damaged."""
        with self._database.session() as session:
            row = session.get(ProbeRow, str(alert_id))
            try:
                return self._keyring.open(PROBE_JPEG.at(row.alert_id), checked(session, row).jpeg) if row else b""
            except (DamagedValueError, ChangedRowError) as error:
                log.error("probe_damaged", key=str(alert_id), error=type(error).__name__)  # noqa: TRY400  # no traceback
                return b""

    def list_alerts(
        self,
        wanted: AlertFilter,
        before: UUID | None,
        limit: int,
        search: AlertSearch = EVERYTHING,
        handled_by: frozenset[UUID] | None = None,
        judge: UUID | None = None,
    ) -> list[Alert]:
        """Return at most `limit` alerts that a filter selects (`wanted_by`), newest first, older than the alert
        `before`.

        Only alerts that match `search`; `handled_by` has its people. `judge` searches, and must look at faces first:
        see `searched`. Damaged alerts are left out, and others replace them.
        """
        query = select(AlertRow).order_by(col(AlertRow.alert_id).desc())
        if before:
            query = query.where(col(AlertRow.alert_id) < str(before))
        # An exercise that is over is told to who judged it, and is in no list.
        current = or_(REAL, col(AlertRow.state).in_(UNSETTLED))
        query = query.where(selected(wanted), current, *searched(search, handled_by, judge))
        with self._database.session() as session:
            return readable(session, query, lambda rows: read_alerts(session, rows, self._keyring), limit)

    def moved_since(self, moment: datetime, site: str) -> list[Alert]:
        """Return the real alerts of a site whose traveller was seen since then, or that somebody judged since then."""
        judged = select(FindingRow.alert_id).where(col(FindingRow.found_at) >= moment)
        lately = or_(col(AlertRow.last_seen_at) >= moment, col(AlertRow.alert_id).in_(judged))
        query = select(AlertRow).where(REAL, col(AlertRow.site) == site, lately)
        with self._database.session() as session:
            return readable(session, query, lambda rows: read_alerts(session, rows, self._keyring))

    def waiting(self, after: int, up_to: int) -> list[UUID]:
        """Return the waiting alerts with events after `after`, up to `up_to`; newest alert first."""
        of_them = select(AlertEventRow.alert_id).where(
            col(AlertEventRow.sequence) > after, col(AlertEventRow.sequence) <= up_to
        )
        query = (
            select(AlertRow.alert_id)
            .where(col(AlertRow.state).in_(UNSETTLED), col(AlertRow.alert_id).in_(of_them))
            .order_by(col(AlertRow.alert_id).desc())
            .limit(MAX_WAITING)
        )
        with self._database.session() as session:
            return list(map(UUID, session.exec(query)))

    def first_event_at(self, after: int) -> datetime | None:
        """Return when the first event after `after` was committed; None when there is none."""
        query = select(AlertEventRow.occurred_at).where(col(AlertEventRow.sequence) > after)
        with self._database.session() as session:
            return session.exec(query.order_by(col(AlertEventRow.sequence)).limit(1)).first()

    def events_after(self, sequence: int, limit: int) -> list[AlertEvent]:
        """Return at most `limit` events after `sequence`, in order."""
        with self._database.session() as session:
            asked = {"after": sequence, "limit": limit}
            return [event_of(row) for row in session.exec(_EVENTS_AFTER, params=asked)]

    def log_bounds(self) -> tuple[int, int]:
        """Return the newest pruned sequence (0 when none was) and the newest sequence of the log."""
        with self._database.session() as session:
            log = session.get(EventLogRow, 1)
            pruned = log.pruned_through if log else 0
            newest = session.exec(select(func.max(AlertEventRow.sequence))).one()
            return pruned, max(pruned, newest or 0)

    def prune_events(self, before: datetime, note: Callable[[int], AuditEntry]) -> int:
        """Remove events older than `before`; the alerts stay. Returns how many were removed.

        The audit entry that `note` makes of that number is committed with it.
        """
        with self._database.session() as session:
            last = session.exec(
                select(func.max(AlertEventRow.sequence)).where(col(AlertEventRow.occurred_at) < before)
            ).one()
            gone = 0
            if last is not None:
                log = session.get(EventLogRow, 1) or EventLogRow()
                log.pruned_through = last
                session.add(log)
                gone = session.exec(delete(AlertEventRow).where(col(AlertEventRow.sequence) <= last)).rowcount
            write_audit(session, note(gone))
            session.commit()
            return gone

    def forget_passages(self, before: datetime) -> int:
        """Remove the faces of passages whose last crop arrived before; no passage can join them. Returns how many."""
        with self._database.session() as session:
            gone = session.exec(delete(AlertPassageRow).where(col(AlertPassageRow.kept_at) < before)).rowcount
            session.commit()
        if gone:
            self._database.purge_journal()
        return gone

    def acknowledge(self, positions: Sequence[tuple[str, int]], now: datetime) -> list[int | CekalwatchError]:
        """Move agents, by their `position_key`, forward to their sequences, in one transaction; return their positions.

        A position beyond the log gives the error POSITION_UNKNOWN instead, and an agent too many TOO_MANY_AGENTS.
        """
        _, head = self.log_bounds()
        wanted: dict[str, int] = {}
        for agent_id, sequence in positions:
            if sequence <= head:
                wanted[agent_id] = max(sequence, wanted.get(agent_id, 0))
        with self._database.session() as session:
            agents = select(AgentRow.agent_id, AgentRow.acknowledged_sequence).where(col(AgentRow.agent_id).in_(wanted))
            known = dict(session.exec(agents).all())
            new = [agent_id for agent_id in wanted if agent_id not in known]
            if new:
                room = MAX_AGENTS - session.exec(select(func.count()).select_from(AgentRow)).one()
                session.add_all(
                    AgentRow(agent_id=agent_id, acknowledged_sequence=wanted[agent_id], acknowledged_at=now)
                    for agent_id in new[:room]
                )
                known |= {agent_id: wanted[agent_id] for agent_id in new[:room]}
            forward = {agent_id: wanted[agent_id] for agent_id, before in known.items() if wanted[agent_id] > before}
            if forward:
                # One statement for all agents, since 200 of them acknowledge in the same second.
                session.execute(
                    update(AgentRow),
                    [
                        {"agent_id": agent_id, "acknowledged_sequence": sequence, "acknowledged_at": now}
                        for agent_id, sequence in forward.items()
                    ],
                )
            session.commit()
        stands = known | forward

        def reached(agent_id: str, sequence: int) -> int | CekalwatchError:
            if sequence > head:
                detail = f"{agent_id} acknowledged {sequence}, the log ends at {head}"
                return CekalwatchError(Code.POSITION_UNKNOWN, detail)
            return stands[agent_id] if agent_id in stands else CekalwatchError(Code.TOO_MANY_AGENTS)

        return [reached(agent_id, sequence) for agent_id, sequence in positions]

    def positions(self) -> dict[str, int]:
        """Return the last acknowledged sequence of each agent that ever acknowledged, by its `position_key`."""
        with self._database.session() as session:
            return {row.agent_id: row.acknowledged_sequence for row in session.exec(select(AgentRow))}

    def _keep_better_probe(self, session: Session, alert_id: str, match: Match) -> None:
        """Store the best picture of the newest live passage: this traveller is at a counter now (rule 4).

        What comes late replaces a worse picture of its own passage at most, and no live one. A passage of which more
        came late is as new as its first live picture.
        """
        found, sighting = session.execute(_HELD_PROBE, {"alert_id": alert_id}).one_or_none() or (None, None)
        held = next(with_valid_mac(session, [found] if found else []), None)
        of = next(with_valid_mac(session, [sighting] if sighting else []), None)
        if held is None or of is None:
            is_better = True
        elif match.late:
            is_better = bool(of.late) and of.passage == match.capture.passage and match.capture.quality > held.quality
        elif of.passage == match.capture.passage:
            is_better = bool(of.late) or match.capture.quality > held.quality
        else:
            newer = match.capture.captured_at >= of.captured_at
            is_better = bool(of.late) or (newer and not _live_before(session, alert_id, match))
        if is_better:
            put_row(session, self._probe(alert_id, match), found)

    def _probe(self, alert_id: str, match: Match) -> ProbeRow:
        sealed = self._keyring.seal(PROBE_JPEG.at(alert_id), match.probe_jpeg)
        capture = match.capture
        return ProbeRow(alert_id=alert_id, capture_id=capture.capture_id, quality=capture.quality, jpeg=sealed)


def _event(session: Session, kind: AlertEventType, row: AlertRow, match: Match, now: datetime) -> AlertEvent:
    """Write the event that a match has caused, with its entry in the audit trail."""
    capture = match.capture
    event = AlertEventRow(
        type=kind,
        occurred_at=now,
        alert_id=row.alert_id,
        capture_id=capture.capture_id,
        trace=capture.trace,
    )
    session.add(event)
    session.flush()
    committed = event_of(event)
    write_audit(session, alert_entry(match, committed))
    return committed


def _live_before(session: Session, alert_id: str, match: Match) -> list[Any]:
    """Return the other live captures of the match's passage."""
    facts = {"alert_id": alert_id, "passage": match.capture.passage, "capture_id": match.capture.capture_id}
    return list(plain_with_valid_mac(session, SightingRow, session.execute(_LIVE_BEFORE, facts)))


def _sighting(row: AlertRow, match: Match, turn: int | None) -> SightingRow:
    capture = match.capture
    return SightingRow(
        capture_id=capture.capture_id,
        alert_id=row.alert_id,
        passage=capture.passage,
        camera_id=capture.camera.camera_id,
        site=capture.camera.site,
        counter=capture.camera.counter,
        direction=capture.camera.direction,
        captured_at=capture.captured_at,
        score=max(one for each in row.candidates if (one := match.score_of(each["subject_id"])) is not None),
        fused_crops=match.fused_crops,
        late=match.late or None,
        model_version=match.model_version,
        turn=turn,
    )
