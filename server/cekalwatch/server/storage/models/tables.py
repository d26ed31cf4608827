"""Tables of changing the model: which one is in use, and which reference faces a model makes no template of."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.integrity.signed_row import SignedRow


class GalleryStateRow(SignedRow, table=True):
    """One row. Until a model was switched to there is none, and the settings say which."""

    __tablename__ = "gallery_state"

    id: int = Field(default=1, primary_key=True)
    pack: str
    """Name of the model pack in use, on every server of this database."""
    model_version: str
    previous_pack: str
    """What was in use before, to go back to."""
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
