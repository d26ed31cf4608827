"""Converts between the rows of alerts and the domain's values, and seals people's notes. It opens no transaction.

Reading a damaged row raises ValueError, KeyError or TypeError.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy
import uuid6
from sqlalchemy import BindParameter, and_, bindparam, func, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Escalation, Outcome
from cekalwatch.contract.values.alerts import MatchFacts, Sighting
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.domain.alerts.adjudication import Finding, FollowUp, Look
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS, Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Claim, Handling
from cekalwatch.server.domain.alerts.match import Candidate, Match, Told
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.storage.alerts.tables import (
    AlertEventRow,
    AlertRow,
    FindingRow,
    FollowUpRow,
    LookRow,
    ProbeRow,
    SightingRow,
    ToldRow,
)
from cekalwatch.server.storage.columns import FOLLOW_UP_FACTS
from cekalwatch.server.storage.integrity.guarded_session import checked, plain_with_valid_mac, put_row
from cekalwatch.server.storage.integrity.signed_row import form_of
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.wire.trace_context import trace_context

Value = TypeVar("Value")
_Facts = dict[str, Any]
Row = TypeVar("Row", FindingRow, LookRow)

_CAMERA = ("camera_id", "site", "counter", "direction")
_TOLD = {"told", "faces_since"}
"""Fields of a candidate that a table of their own has."""
_CANDIDATE = tuple(one.name for one in fields(Candidate) if one.name not in {"name", "lookalikes", *_TOLD})
_FACTS = tuple(
    one.name
    for one in fields(Alert)
    if one.name in form_of(AlertRow).table.columns and one.name not in {"alert_id", "candidates", "exercise_id"}
)
"""Fields of an alert that its row has as they are."""
# Made once: they are executed with each alert that is read, and to make them takes longer.
_ALERTS: BindParameter[list[str]] = bindparam("alert_ids", expanding=True)
_FINDINGS = select(FindingRow).where(col(FindingRow.alert_id).in_(_ALERTS)).order_by(col(FindingRow.number))
_FOLLOW_UPS = select(FollowUpRow).where(col(FollowUpRow.alert_id).in_(_ALERTS)).order_by(col(FollowUpRow.number))
_LOOKS = select(LookRow).where(col(LookRow.alert_id).in_(_ALERTS)).order_by(col(LookRow.number))
_TOLD_OF = select(ToldRow).where(col(ToldRow.alert_id).in_(_ALERTS))
_PROBES = select(ProbeRow.alert_id, ProbeRow.capture_id).where(col(ProbeRow.alert_id).in_(_ALERTS))
_SEEN_BY = (
    sqlalchemy.select(*(getattr(SightingRow, name) for name in ("alert_id", *_CAMERA)))
    .distinct()
    .where(col(SightingRow.alert_id).in_(_ALERTS))
)
_FOLLOW_UP_TEXTS = ("agency", "contact", "result")


_FOUND = RowCodec(Finding, FindingRow, {"person": "person_id"})
_TELLS = RowCodec(Told, ToldRow)
_LOOKED = RowCodec(Look, LookRow, {"finding": "outcome", "person": "person_id"})


def new_row(match: Match, candidates: Sequence[Candidate], now: datetime, exercise_id: UUID | None = None) -> AlertRow:
    """Return the row of an alert that `match` raises about some of its candidates; `exercise_id`: as an exercise."""
    camera = match.capture.camera
    return AlertRow(
        **{one.name: getattr(match, one.name) for one in fields(MatchFacts)},
        alert_id=str(uuid6.uuid7()),
        state=AlertState.NEW,
        version=1,
        subject_id=candidates[0].subject_id,
        **{name: getattr(camera, name) for name in _CAMERA},
        captured_at=match.capture.captured_at,
        raised_at=now,
        last_seen_at=match.capture.captured_at,
        candidates=_facts(candidates),
        exercise_id=str(exercise_id) if exercise_id else None,
        turn=1,
    )


def write_match(row: AlertRow, alert: Alert) -> None:
    """Update the row after a match joined the alert; see `Alert.with_match`."""
    for name in _FACTS:
        setattr(row, name, getattr(alert, name))
    row.candidates = _facts(alert.candidates)


def write_handling(session: Session, row: AlertRow, alert: Alert, after: Handling, keyring: Keyring) -> None:
    """Bring the row of `alert` to `after`, and add the findings, follow-ups and looks that it does not have."""
    before, handled = alert.handling, alert.with_handling(after)
    row.subject_id, row.candidates = handled.subject_id, _facts(handled.candidates)
    row.state, row.escalation = after.state, after.escalation
    row.escalated_at, row.escalations = after.escalated_at, after.escalations
    row.stands_since, row.orders_ended_at = after.stands_since, after.orders_ended_at
    row.turn, row.attended, row.called = after.turn, after.attended, after.called
    row.claim_person_id = after.claim.holder.person_id if after.claim else None
    row.claim_agent = after.claim.agent_id if after.claim else None
    row.claim_until = after.claim.expires_at if after.claim else None
    session.add(row)
    for number, finding in list(enumerate(after.findings))[len(before.findings) :]:
        reference = after.reference if finding.outcome is Outcome.CONFIRMED else ""
        found = replace(finding, subject_id=finding.subject_id or alert.subject_id, reference=reference)
        session.add(_FOUND.write(found, keyring, alert_id=row.alert_id, number=number))
    for number, follow_up in list(enumerate(after.follow_ups))[len(before.follow_ups) :]:
        associated_data = FOLLOW_UP_FACTS.at(row.alert_id, str(number))
        facts = {name: getattr(follow_up, name) for name in _FOLLOW_UP_TEXTS}
        facts |= {name: "1" for name in ("release", "by_order") if getattr(follow_up, name)}
        session.add(
            FollowUpRow(
                alert_id=row.alert_id,
                number=number,
                facts=keyring.seal(associated_data, _json(facts)),
                contacted_at=follow_up.contacted_at,
                person_id=follow_up.person.person_id,
                recorded_at=follow_up.recorded_at,
            )
        )
    for number, look in list(enumerate(after.looks))[len(before.looks) :]:
        session.add(_LOOKED.write(look, alert_id=row.alert_id, number=number))


def read_alerts(session: Session, rows: Sequence[AlertRow], keyring: Keyring) -> list[Alert]:
    """Return the rows' alerts with sightings, findings, follow-ups and first looks."""
    if not rows:
        return []
    ids = [row.alert_id for row in rows]
    found, follow_ups = _read(session, ids, _FINDINGS, _FOUND, keyring), _follow_ups(session, ids, keyring)
    looks = _read(session, ids, _LOOKS, _LOOKED, keyring)
    cameras, (sightings, current) = _cameras(session, ids), _sightings(session, ids)
    probes, told = _probes(session, ids), _told(session, ids)
    return [
        _alert(
            row,
            told[row.alert_id],
            sightings[row.alert_id],
            cameras[row.alert_id],
            found[row.alert_id],
            follow_ups[row.alert_id],
            looks[row.alert_id],
            probes.get(row.alert_id, ""),
            current.get(row.alert_id),
        )
        for row in rows
    ]


def bare_alert(row: AlertRow) -> Alert:
    """Return a row's alert without sightings, cameras and what people did, for deciding what joins it."""
    return _alert(row)


def joinable_alerts(session: Session, rows: Sequence[AlertRow]) -> list[Alert]:
    """Return bare alerts with the orders that there were of candidates whom Cekal Online did not list."""
    unlisted = [row.alert_id for row in rows if any(one.get("unlisted") for one in row.candidates)]
    told = _told(session, unlisted) if unlisted else {}
    return [_alert(row, told.get(row.alert_id, {})) for row in rows]


def event_of(row: AlertEventRow) -> AlertEvent:
    """Return the event of a row that is written."""
    if row.sequence is None:  # only before a flush
        raise ValueError("an event has its sequence once it is written")
    return AlertEvent(
        sequence=row.sequence,
        type=AlertEventType(row.type),
        occurred_at=row.occurred_at,
        alert_id=UUID(row.alert_id),
        capture_id=row.capture_id,
        trace=trace_context(row.trace),
    )


def _alert(
    row: AlertRow,
    told: Mapping[str, _Facts] = MappingProxyType({}),
    sightings: Iterable[Sighting] = (),
    cameras: Iterable[CameraReference] = (),
    found: Sequence[Finding] = (),
    follow_ups: Iterable[FollowUp] = (),
    looks: Iterable[Look] = (),
    probe_capture_id: str = "",
    current: Sighting | None = None,
) -> Alert:
    return Alert(
        **{name: getattr(row, name) for name in _FACTS},
        alert_id=UUID(row.alert_id),
        camera=_camera(row),
        candidates=tuple(replace(one, **told.get(one.subject_id, {})) for one in _candidates(row)),
        handling=replace(
            handling_of(row),
            findings=tuple(found),
            reference=next((one.reference for one in reversed(found) if one.reference), ""),
            follow_ups=tuple(follow_ups),
            looks=tuple(looks),
        ),
        sightings=tuple(sightings),
        current=current,
        cameras=frozenset(cameras),
        probe_capture_id=probe_capture_id,
        exercise_id=UUID(row.exercise_id) if row.exercise_id else None,
    )


HANDLING_COLUMNS = tuple(
    form_of(AlertRow).table.columns[name]
    for name in (
        "alert_id",
        "state",
        "raised_at",
        "stands_since",
        "claim_person_id",
        "claim_agent",
        "claim_until",
        "escalation",
        "escalated_at",
        "escalations",
        "orders_ended_at",
        "turn",
        "attended",
        "called",
    )
)
"""What `handling_of` reads, and the alert's key."""


def handling_of(row: AlertRow | sqlalchemy.Row[Any]) -> Handling:
    """Return a row's handling without findings, follow-ups and looks."""
    return Handling(
        raised_at=row.raised_at,
        state=AlertState(row.state),
        stands_since=row.stands_since,
        claim=_claim(row),
        escalation=Escalation(row.escalation),
        escalated_at=row.escalated_at,
        escalations=row.escalations,
        orders_ended_at=row.orders_ended_at,
        turn=row.turn or 1,
        attended=row.attended if row.attended is not None else int(row.state != AlertState.NEW),
        called=row.called or 0,
    )


def _facts(candidates: Iterable[Candidate]) -> list[dict[str, Any]]:
    """Return what is stored of candidates: a server before 0.3.0 knows no cosine, and meets none unless it must."""
    found = [{name: getattr(one, name) for name in _CANDIDATE} for one in candidates]
    return [{name: value for name, value in one.items() if (name, value) != ("cosine", None)} for one in found]


def _candidates(row: AlertRow) -> tuple[Candidate, ...]:
    facts = ({"score": float(one["score"]), "order_ids": tuple(map(str, one["order_ids"]))} for one in row.candidates)
    candidates = tuple(Candidate(**one | read) for one, read in zip(row.candidates, facts, strict=True))
    if not any(one.subject_id == row.subject_id for one in candidates):
        raise ValueError("an alert that asks about nobody")
    return candidates


def _claim(row: AlertRow | sqlalchemy.Row[Any]) -> Claim | None:
    if row.claim_person_id is None or row.claim_agent is None or row.claim_until is None:
        return None
    return Claim(PersonReference(row.claim_person_id), row.claim_agent, row.claim_until)


def _camera(row: AlertRow | sqlalchemy.Row[Any]) -> CameraReference:
    return CameraReference(row.camera_id, row.site, row.counter, Direction(row.direction))


def _read(
    session: Session, alert_ids: list[str], query: SelectOfScalar[Row], codec: RowCodec[Value, Row], keyring: Keyring
) -> dict[str, list[Value]]:
    """Return the values of an alert's rows, by alert."""
    read: dict[str, list[Value]] = defaultdict(list)
    for row in session.exec(query, params={"alert_ids": alert_ids}):
        try:
            read[row.alert_id].append(codec.read(checked(session, row), keyring))
        except CekalwatchError as error:  # it was sound when it was written
            raise ValueError(f"damaged {type(row).__tablename__}: {error.code}") from None
    return read


def _follow_ups(session: Session, alert_ids: list[str], keyring: Keyring) -> dict[str, list[FollowUp]]:
    found: dict[str, list[FollowUp]] = defaultdict(list)
    for row in session.exec(_FOLLOW_UPS, params={"alert_ids": alert_ids}):
        checked(session, row)
        facts = _opened(keyring, FOLLOW_UP_FACTS.at(row.alert_id, str(row.number)), row.facts)
        texts = {name: facts[name] for name in _FOLLOW_UP_TEXTS}
        try:
            follow_up = FollowUp(
                **texts,
                contacted_at=row.contacted_at,
                person=PersonReference(row.person_id),
                recorded_at=row.recorded_at,
                release="release" in facts,
                by_order="by_order" in facts,
            )
        except CekalwatchError as error:
            raise ValueError(f"damaged follow-up: {error.code}") from None
        found[row.alert_id].append(follow_up)
    return found


def write_told(session: Session, before: Alert, after: Alert) -> None:
    """Write what the list tells of the alert's candidates, where that has changed."""
    for one in set(after.candidates) - set(before.candidates):
        key = str(after.alert_id), one.subject_id
        row = _TELLS.write(one.told, alert_id=key[0], subject_id=key[1], faces_since=one.faces_since)
        put_row(session, row, session.get(ToldRow, key))


def _told(session: Session, alert_ids: list[str]) -> dict[str, dict[str, _Facts]]:
    """Return what is stored of each candidate beside the alert's row, by alert and key."""
    found: dict[str, dict[str, _Facts]] = defaultdict(dict)
    for row in session.exec(_TOLD_OF, params={"alert_ids": alert_ids}):
        told = _TELLS.read(checked(session, row))
        found[row.alert_id][row.subject_id] = {"told": told, "faces_since": row.faces_since}
    return found


def _probes(session: Session, alert_ids: list[str]) -> dict[str, str]:
    """Return the captures whose pictures are stored as probes, by alert."""
    return dict(session.exec(_PROBES, params={"alert_ids": alert_ids}).all())


def _json(facts: dict[str, str]) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()


def _opened(keyring: Keyring, associated_data: bytes, sealed: bytes) -> dict[str, str]:
    facts = json.loads(keyring.open(associated_data, sealed))
    if not isinstance(facts, dict) or not all(isinstance(text, str) for text in facts.values()):
        raise ValueError("sealed facts that are none")
    return facts


def _cameras(session: Session, alert_ids: list[str]) -> dict[str, list[CameraReference]]:
    found: dict[str, list[CameraReference]] = defaultdict(list)
    for row in session.execute(_SEEN_BY, {"alert_ids": alert_ids}):
        found[row.alert_id].append(_camera(row))
    return found


def _sightings(session: Session, alert_ids: list[str]) -> tuple[dict[str, list[Sighting]], dict[str, Sighting]]:
    """Return the newest sightings of each alert, oldest first, and the newest one that was not late."""
    found: dict[str, list[Sighting]] = defaultdict(list)
    live: dict[str, Sighting] = {}
    rows = session.execute(_newest_sightings(), {"alert_ids": alert_ids})
    for row in plain_with_valid_mac(session, SightingRow, rows):
        sighting = Sighting(
            capture_id=row.capture_id,
            captured_at=row.captured_at,
            camera=_camera(row),
            score=row.score,
            fused_crops=row.fused_crops,
            passage=row.passage,
            late=bool(row.late),
            model_version=row.model_version or "",
            turn=row.turn or 0,
        )
        found[row.alert_id].append(sighting)
        if not sighting.late:
            live[row.alert_id] = sighting
    return {alert_id: some[-MAX_SIGHTINGS:] for alert_id, some in found.items()}, live


@cache
def _newest_sightings() -> sqlalchemy.Select[Any]:
    """Return the query of the newest sightings of `alert_ids` and their newest live one, oldest first.

    Making it takes longer than its answer.
    """
    # Of captures of the same moment the key decides, so that each reading has the same ones in the same order.
    newest_first = (col(SightingRow.captured_at).desc(), col(SightingRow.capture_id).desc())
    place = func.row_number().over(partition_by=col(SightingRow.alert_id), order_by=newest_first)
    of_kind = func.row_number().over(
        partition_by=(col(SightingRow.alert_id), col(SightingRow.late)), order_by=newest_first
    )
    wanted = col(SightingRow.alert_id).in_(_ALERTS)
    columns = form_of(SightingRow).table.columns
    placed = select(SightingRow, place.label("place"), of_kind.label("of_kind")).where(wanted).subquery().c
    shown = or_(placed.place <= MAX_SIGHTINGS, and_(placed.of_kind == 1, placed.late.is_(None)))
    newest = sqlalchemy.select(*(placed[column.name] for column in columns)).where(shown)
    return newest.order_by(placed.captured_at, placed.place.desc())
