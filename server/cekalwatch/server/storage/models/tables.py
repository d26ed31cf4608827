"""Tables of the model in use and its threshold: which model, what it makes no template of, and what passages scored."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class GalleryStateRow(SignedRow, table=True):
    """One row. Until a model was switched to there is none, and the settings say which."""

    __tablename__ = "gallery_state"

    id: int = Field(default=1, primary_key=True)
    pack: str
    """Name of the model pack in use, on every server of this database."""
    model_version: str
    previous_pack: str
    """The previously used model, to go back to."""
    previous_model_version: str


class TemplateRefusalRow(SQLModel, table=True):
    """A reference face of whose photograph a model version makes no template."""

    __tablename__ = "template_refusal"

    reference_id: str = Field(primary_key=True, foreign_key="reference_face.reference_id")
    model_version: str = Field(primary_key=True)
    reason: str
    """A code of the catalogue of errors."""


class ThresholdRow(SignedRow, table=True):
    """One row, once two people have set a decision threshold."""

    __tablename__ = "decision_threshold"

    id: int = Field(default=1, primary_key=True)
    value: float | None
    """None: it was given back to the settings."""
    model_version: str
    """What it was set for: scores of another model mean something else."""


class ScoreCountRow(SignedRow, table=True):
    """One camera's passages of one day by their best score: numbers in bins, and nothing of a single passage."""

    __tablename__ = "score_count"

    day: str = Field(primary_key=True)
    """Local day of the checkpoint, ISO 8601, on which they were written."""
    camera_id: str = Field(primary_key=True)
    model_version: str = Field(primary_key=True)
    templates: int = Field(primary_key=True)
    """Size of the list that was searched, within 5 %."""
    site: str
    below: list[int] = Field(sa_column=Column(Facts, nullable=False))
    """Passages that did not alert, in each bin."""
    reached: int


class LearnedThresholdRow(SignedRow, table=True):
    """One row, once a threshold was learned from the passages of the site."""

    __tablename__ = "learned_threshold"

    id: int = Field(default=1, primary_key=True)
    model_version: str
    step: float
    """How far the threshold is from the pack's."""
    day: str
    moved: float
    """Sum of all steps of that local day."""
    forgotten_through: str
    """Only passages of local days after this one count; empty: all that are kept."""
    state: dict[str, Any] = Field(sa_column=Column(Facts, nullable=False))
    """What was found last; see `LearnedThreshold`."""
