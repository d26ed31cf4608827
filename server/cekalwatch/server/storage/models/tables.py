"""Tables of changing the model: which one is in use, and which reference faces a model makes no template of."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class GalleryStateRow(SQLModel, table=True):
    """One row, made by the first migration. Until a model was switched to it is empty, and the settings say which."""

    __tablename__ = "gallery_state"

    id: int = Field(default=1, primary_key=True)
    pack: str = ""
    """Name of the model pack in use, on every server of this database."""
    model_version: str = ""
    previous_pack: str = ""
    """What was in use before, to go back to."""
    previous_model_version: str = ""


class TemplateRefusalRow(SQLModel, table=True):
    """A reference face of whose photograph a model version makes no template."""

    __tablename__ = "template_refusal"

    reference_id: str = Field(primary_key=True, foreign_key="reference_face.reference_id")
    model_version: str = Field(primary_key=True)
    reason: str
    """A code of the catalogue of errors."""


class ThresholdRow(SQLModel, table=True):
    """One row, made by the first migration: the decision threshold that two people set."""

    __tablename__ = "decision_threshold"

    id: int = Field(primary_key=True)
    value: float | None
    """None: nobody did, or it was given back to the settings."""
    model_version: str = ""
    """What it was set for: scores of another model mean something else."""
