"""Judgements of people on pairs of subjects with similar faces. Methods block.

A judgement applies to the compared photographs: after a new photograph of either subject, the pair must be judged
again. It is removed with either subject. A changed row is left out.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, or_, select

from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.lookalikes import JudgedPair, PairState, SubjectPair
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import replace_row, with_valid_mac
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.server.storage.watchlist.changes import lock_watchlist
from cekalwatch.server.storage.watchlist.tables import LookalikeJudgementRow, ReferenceFaceRow, SubjectRow

_first, _second = col(LookalikeJudgementRow.first_id), col(LookalikeJudgementRow.second_id)

_JUDGED = RowCodec(JudgedPair, LookalikeJudgementRow, {"pair.first": "first_id", "pair.second": "second_id"}, {"holds"})


class LookalikeStore:
    """The judgements of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, subject_ids: Collection[str]) -> list[JudgedPair]:
        """Return the judgements about any of these subjects, by pair."""
        with self._database.session() as session:
            return _read(session, subject_ids)

    def everything(self) -> list[JudgedPair]:
        """Return all judgements, by pair."""
        with self._database.session() as session:
            return _judged(session, session.exec(select(LookalikeJudgementRow)))

    def states(self, pairs: Iterable[SubjectPair]) -> dict[SubjectPair, PairState]:
        """Return the state of each pair."""
        wanted = list(pairs)
        keys = {key for pair in wanted for key in (pair.first, pair.second)}
        with self._database.session() as session:
            judged = {one.pair: one for one in _read(session, keys)}
            faces = _faces(session, keys)
        return {pair: PairState(_mark(pair, faces, judged.get(pair)), judged.get(pair)) for pair in wanted}

    def judge(
        self, pair: SubjectPair, judgement: LookalikeJudgement, person: UUID, now: datetime, mark: str, note: AuditEntry
    ) -> None:
        """Store the judgement of `person`, in place of an earlier one; NOT_JUDGED removes that.

        `mark` is the state that the person saw, and `note` the entry in the audit trail. Raises SUBJECT_NOT_FOUND, and
        LOOKALIKES_CHANGED if the pair has changed since.
        """
        keys = (pair.first, pair.second)
        with self._database.session() as session:
            lock_watchlist(session)
            held = session.exec(select(SubjectRow.subject_id).where(col(SubjectRow.subject_id).in_(keys))).all()
            if len(held) < len(keys):
                raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
            before = {one.pair: one for one in _read(session, keys)}.get(pair)
            faces = _faces(session, keys)
            if mark != _mark(pair, faces, before):
                raise CekalwatchError(Code.LOOKALIKES_CHANGED)
            if judgement is LookalikeJudgement.NOT_JUDGED:
                session.exec(delete(LookalikeJudgementRow).where(_first == pair.first, _second == pair.second))
            else:
                judged = JudgedPair(pair, judgement, person, now, holds=True)
                replace_row(session, _JUDGED.write(judged, photographs=_photographs(pair, faces)))
            commit_audited(session, note)


def remove_judgements(session: Session, subject_id: str) -> None:
    """Remove the judgements on a subject that is deleted."""
    session.exec(delete(LookalikeJudgementRow).where(or_(_first == subject_id, _second == subject_id)))


def _read(session: Session, subject_ids: Collection[str]) -> list[JudgedPair]:
    keys, rows = sorted(subject_ids), dict[SubjectPair, LookalikeJudgementRow]()
    for some in pieces(keys):
        found = session.exec(select(LookalikeJudgementRow).where(or_(_first.in_(some), _second.in_(some))))
        rows |= {SubjectPair(row.first_id, row.second_id): row for row in found}
    return _judged(session, rows.values())


def _judged(session: Session, rows: Iterable[LookalikeJudgementRow]) -> list[JudgedPair]:
    found = list(with_valid_mac(session, rows))
    faces = _faces(session, {key for row in found for key in (row.first_id, row.second_id)})
    judged = []
    for row in found:
        holds = row.photographs == _photographs(SubjectPair(row.first_id, row.second_id), faces)
        judged.append(_JUDGED.read(row, holds=holds))
    return sorted(judged, key=lambda one: one.pair)


def _faces(session: Session, subject_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the keys of the reference faces of each subject."""
    keys, found = sorted(subject_ids), defaultdict[str, list[str]](list)
    for some in pieces(keys):
        query = select(ReferenceFaceRow.subject_id, ReferenceFaceRow.reference_id).where(
            col(ReferenceFaceRow.subject_id).in_(some)
        )
        for subject_id, reference_id in session.exec(query):
            found[subject_id].append(reference_id)
    return found


def _photographs(pair: SubjectPair, faces: Mapping[str, list[str]]) -> str:
    # Keys are never reused, and a photograph never changes under its key.
    keys = sorted([*faces.get(pair.first, ()), *faces.get(pair.second, ())])
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def _mark(pair: SubjectPair, faces: Mapping[str, list[str]], judged: JudgedPair | None) -> str:
    last = f"{judged.judgement} {judged.judged_by} {judged.judged_at.isoformat()}" if judged else ""
    return hashlib.sha256(f"{_photographs(pair, faces)} {last}".encode()).hexdigest()
