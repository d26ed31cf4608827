"""Stores the model in use, and how many reference faces have templates of each model. Methods block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func
from sqlmodel import Session, col, delete, select

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row
from cekalwatch.server.storage.models.tables import (
    GalleryStateRow,
    LearnedThresholdRow,
    TemplateRefusalRow,
    ThresholdRow,
)
from cekalwatch.server.storage.watchlist.changes import lock_watchlist
from cekalwatch.server.storage.watchlist.tables import ReferenceFaceRow, TemplateRow


@dataclass(frozen=True)
class ModelChoice:
    """A model pack and the version of its model, to which templates are bound."""

    pack: str
    model_version: str


@dataclass(frozen=True)
class ModelsChosen:
    """The model in use, and the one before."""

    current: ModelChoice
    previous: ModelChoice


@dataclass(frozen=True)
class Coverage:
    """The coverage of a model version's templates."""

    model_version: str
    templates: int
    refused: int
    """Reference faces that have no template since the model makes none of their photographs."""
    missing: int
    """Reference faces that have neither."""


@dataclass(frozen=True)
class TemplateRefusal:
    """A reference face that a model version makes no template of."""

    subject_id: str
    reference_id: str
    reason: str


class IncompleteModelError(Exception):
    """Reference faces lack templates of the model that is to be used."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} reference faces have no template of this model")
        self.missing = missing


class ModelStore:
    """The models of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def chosen(self) -> ModelsChosen | None:
        """Return the model that was switched to; None if there was no switch, so that the settings apply.

        Raises ChangedRowError when that is not as it was written.
        """
        with self._database.session() as session:
            row = one_checked(session, GalleryStateRow, 1)
        if row is None:
            return None
        return ModelsChosen(
            ModelChoice(row.pack, row.model_version), ModelChoice(row.previous_pack, row.previous_model_version)
        )

    def coverages(self) -> list[Coverage]:
        """Return the coverage of each model version that has templates or refusals, by name."""
        with self._database.one_state() as session:
            known = {
                *session.exec(select(TemplateRow.model_version).distinct()),
                *session.exec(select(TemplateRefusalRow.model_version).distinct()),
            }
            return [_coverage(session, model_version) for model_version in sorted(known)]

    def coverage(self, model_version: str) -> Coverage:
        """Return the coverage of one model version."""
        with self._database.one_state() as session:
            return _coverage(session, model_version)

    def refusals(self, model_version: str) -> list[TemplateRefusal]:
        """Return the reference faces that the model version makes no template of, by subject."""
        query = (
            select(ReferenceFaceRow.subject_id, TemplateRefusalRow.reference_id, TemplateRefusalRow.reason)
            .join(TemplateRefusalRow)
            .where(col(TemplateRefusalRow.model_version) == model_version, ~_has_template(model_version))
            .order_by(col(ReferenceFaceRow.subject_id), col(TemplateRefusalRow.reference_id))
        )
        with self._database.session() as session:
            return [TemplateRefusal(*row) for row in session.exec(query)]

    def switch(self, wanted: ModelChoice, present: ModelChoice, note: Callable[[Coverage], AuditEntry]) -> Coverage:
        """Let all servers of this database use `wanted` in place of `present`; returns the coverage of `wanted`.

        What `note` makes of that is committed with it, for the audit trail. No reference face is added meanwhile.
        Raises IncompleteModelError when one has no template of `wanted`.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            coverage = _coverage(session, wanted.model_version)
            if coverage.missing:
                raise IncompleteModelError(coverage.missing)
            state = GalleryStateRow(
                pack=wanted.pack,
                model_version=wanted.model_version,
                previous_pack=present.pack,
                previous_model_version=present.model_version,
            )
            replace_row(session, state)
            session.flush()
            write_audit(session, note(coverage))
            session.commit()
        return coverage

    def drop(self, model_version: str, note: Callable[[int], AuditEntry]) -> int:
        """Remove all templates of a model version, and return how many; `note` is given their number."""
        with self._database.session() as session:
            lock_watchlist(session)
            of_model = col(TemplateRow.model_version) == model_version
            templates = session.exec(delete(TemplateRow).where(of_model)).rowcount
            session.exec(delete(TemplateRefusalRow).where(col(TemplateRefusalRow.model_version) == model_version))
            write_audit(session, note(templates))
            session.commit()
        self._database.purge_journal()
        return templates


class ThresholdStore:
    """The threshold in the database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, model_version: str) -> float | None:
        """Return the threshold that was set for that model version; None when there is none.

        Raises ChangedRowError when it is not as it was written.
        """
        with self._database.session() as session:
            row = one_checked(session, ThresholdRow, 1)
        return row.value if row and row.model_version == model_version else None

    def set(self, value: float | None, model_version: str, entry: AuditEntry) -> None:
        """Store another threshold, or none; one for another model version is removed."""
        with self._database.session() as session:
            lock_watchlist(session)
            replace_row(session, ThresholdRow(value=value, model_version=model_version))
            session.flush()
            write_audit(session, entry)
            session.commit()

    def learned(self, model_version: str) -> LearnedThreshold | None:
        """Return what was learned for that model version; None when nothing was.

        Raises ChangedRowError when it is not as it was written.
        """
        with self._database.session() as session:
            return _learned(session, model_version)

    def learn(self, known: LearnedThreshold | None, learned: LearnedThreshold, entry: AuditEntry | None) -> bool:
        """Keep `learned` in place of `known`, with an entry in the audit trail if it has to be recorded.

        Nothing is kept, and False returned, where something else than `known` stands there: another server was faster,
        or two people have forgotten it. Raises ChangedRowError when what stands there is not as it was written.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            if _learned(session, learned.model_version) != known:
                return False
            _keep(session, learned, entry)
        return True

    def forget_learned(self, learned: LearnedThreshold, entry: AuditEntry) -> None:
        """Store `learned` in place of any earlier value."""
        with self._database.session() as session:
            lock_watchlist(session)
            _keep(session, learned, entry)


def _learned(session: Session, model_version: str) -> LearnedThreshold | None:
    row = one_checked(session, LearnedThresholdRow, 1)
    if row is None or row.model_version != model_version:
        return None
    offset = LearnedOffset(row.step, row.day, row.moved)
    return LearnedThreshold(model_version, offset, row.forgotten_through, SiteFindings.from_json(row.state))


def _keep(session: Session, learned: LearnedThreshold, entry: AuditEntry | None) -> None:
    row = LearnedThresholdRow(
        model_version=learned.model_version,
        step=learned.offset.value,
        day=learned.offset.day,
        moved=learned.offset.moved,
        forgotten_through=learned.forgotten_through,
        state=learned.findings.to_json(),
    )
    replace_row(session, row)
    session.flush()
    if entry:
        write_audit(session, entry)
    session.commit()


def needs_template(model_version: str) -> ColumnElement[bool]:
    """Return the condition on a row of `ReferenceFaceRow`: it has neither a template of the model nor a refusal."""
    refused = exists().where(
        col(TemplateRefusalRow.reference_id) == col(ReferenceFaceRow.reference_id),
        col(TemplateRefusalRow.model_version) == model_version,
    )
    return ~_has_template(model_version) & ~refused


def _has_template(model_version: str) -> ColumnElement[bool]:
    return exists().where(
        col(TemplateRow.reference_id) == col(ReferenceFaceRow.reference_id),
        col(TemplateRow.model_version) == model_version,
    )


def _coverage(session: Session, model_version: str) -> Coverage:
    of_model = col(TemplateRow.model_version) == model_version
    references = session.exec(select(func.count()).select_from(ReferenceFaceRow)).one()
    templates = session.exec(select(func.count()).select_from(TemplateRow).where(of_model)).one()
    missing = session.exec(
        select(func.count()).select_from(ReferenceFaceRow).where(needs_template(model_version))
    ).one()
    return Coverage(model_version, templates, references - templates - missing, missing)
