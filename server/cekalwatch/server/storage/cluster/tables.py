"""Tables of the servers that share a database. Keys, numbers and times only: nothing is personal, or sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlmodel import Column, Field, SQLModel, String

from cekalwatch.server.storage.columns import Facts, moment, moment_or_none


def _of_a_run() -> Any:  # noqa: ANN401  # SQLModel's field type
    column = Column(String(), ForeignKey("server_run.run_id", ondelete="CASCADE"), primary_key=True)
    return Field(sa_column=column)


class LeaderLeaseRow(SQLModel, table=True):
    """One row, made by the first migration: which server does the chores of all."""

    __tablename__ = "chore_lease"

    id: int = Field(primary_key=True)
    holder: str
    """Key of the server's run; empty before the first."""
    term: int
    """Rises each time that the lease goes to another."""
    until: datetime | None = moment_or_none()
    """By the database's clock; absent when it was given back."""


class ServerRunRow(SQLModel, table=True):
    """The last report of a server's run; see `ServerRun`."""

    __tablename__ = "server_run"

    run_id: str = Field(primary_key=True)
    name: str
    address: str
    version: str
    model_version: str
    law: dict[str, Any] = Field(sa_column=Column(Facts(), nullable=False))
    started_at: datetime = moment()
    seen_at: datetime = moment()
    """By the database's clock."""
    clock_ahead_ms: int
    captures_waiting: int
    captures_per_second: float
    gates: dict[str, Any] | None = Field(default=None, sa_column=Column(Facts(), nullable=True))
    """By name; absent where a server before 0.3.0 reports."""


class RefusedServerRow(SQLModel, table=True):
    """A server that ended at its start; see `RefusedServer`."""

    __tablename__ = "refused_server"

    name: str = Field(primary_key=True)
    machine: str = Field(primary_key=True)
    folder: str = Field(primary_key=True)
    version: str
    reason: str
    refused_at: datetime = moment()
    """By the database's clock."""


class CameraPresenceRow(SQLModel, table=True):
    """A server's view of a camera; see `CameraPresence`."""

    __tablename__ = "camera_presence"

    run_id: str = _of_a_run()
    camera_id: str = Field(primary_key=True)
    facts: dict[str, Any] = Field(sa_column=Column(Facts(), nullable=False))


class AgentPresenceRow(SQLModel, table=True):
    """An agent that is subscribed at a server."""

    __tablename__ = "agent_presence"

    facts: dict[str, Any] | None = Field(default=None, sa_column=Column(Facts(), nullable=True))
    """What it watches; absent where a server before 0.3.0 reports it."""

    run_id: str = _of_a_run()
    agent_id: str = Field(primary_key=True)
