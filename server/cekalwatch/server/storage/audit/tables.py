"""Tables of the audit trail. Triggers, made by the first migration, refuse to change or remove entries and checkpoints,
and rows of the search's index.

Columns contain the hashed texts, so that both kinds of database store the same and no conversion can differ.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel


class AuditEntryRow(SQLModel, table=True):
    """An entry in its place in the chain; columns are those of `audit.entry.Link`."""

    __tablename__ = "audit_entry"

    # SQLite makes the rows' own number of a key only when it is called INTEGER.
    sequence: int = Field(
        sa_column=Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False)
    )
    previous_hash: str
    hash: str
    at: str
    actor: str
    action: str = Field(index=True)
    objects: str
    outcome: str
    details: str


class AuditIndexRow(SQLModel, table=True):
    """An entry under one of its terms (`audit.search_terms`); removing a row hides the entry from searches."""

    __tablename__ = "audit_index"
    __table_args__ = {"sqlite_with_rowid": False}

    term: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    moment: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    """Microseconds since 1970 (UTC)."""
    sequence: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))


class AuditHeadRow(SQLModel, table=True):
    """One row, made by the first migration: the last entry. Writers lock it, so that the chain never forks."""

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True)
    sequence: int = Field(sa_column=Column(BigInteger(), nullable=False))
    hash: str


class AuditCheckpointRow(SQLModel, table=True):
    """A signed checkpoint; columns are those of `audit.checkpoints.Checkpoint`."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = (UniqueConstraint("public_key", "number"),)

    sequence: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    public_key: str = Field(primary_key=True)
    """Each server has its own."""
    number: int
    hash: str
    at: str
    signature: str
