"""Tables of what ports report: their alerts with what people wrote, sealed; the events of their logs; how they do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import moment, moment_or_none, sealed
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class PortAlertRow(SignedRow, table=True):
    """An alert as its port reported it last."""

    __tablename__ = "port_alert"

    site: str = Field(primary_key=True)
    port: str = Field(primary_key=True)
    alert_id: str = Field(primary_key=True)
    """A UUID of version 7, so that keys rise with time and pages go by them."""
    state: str = Field(index=True)
    raised_at: datetime = moment(index=True)
    reported_at: datetime = moment()
    facts: bytes = sealed()
    """Sealed JSON: the whole alert, and the names of those who work on it."""


class PortEventRow(SignedRow, table=True):
    """An event of a port's log."""

    __tablename__ = "port_event"
    __table_args__ = (Index("ix_port_event_alert", "site", "port", "alert_id"),)

    site: str = Field(primary_key=True)
    port: str = Field(primary_key=True)
    log: int = Field(primary_key=True)
    """Counts the port's logs from 1: after a restored backup there, sequences repeat."""
    sequence: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    alert_id: str
    type: str
    occurred_at: datetime = moment()
    capture_id: str
    """Empty where a person or the clock caused it."""
    reported_at: datetime = moment()


class PortPositionRow(SignedRow, table=True):
    """The position up to which the events of a port's log are stored."""

    __tablename__ = "port_position"

    site: str = Field(primary_key=True)
    port: str = Field(primary_key=True)
    log: int
    sequence: int = Field(sa_column=Column(BigInteger(), nullable=False))
    alert_id: str
    """Of the event there; empty before the first of this log."""
    occurred_at: datetime | None = moment_or_none()


class PortPresenceRow(SQLModel, table=True):
    """How a port does. Who stores its reports locks the row."""

    __tablename__ = "port_presence"

    site: str = Field(primary_key=True)
    port: str = Field(primary_key=True)
    server: str = ""
    """The centre's server at which it is connected; empty while it is not."""
    heard_at: datetime = moment()
    waiting: int = 0
    version: str = ""
    list_at: datetime | None = moment_or_none()


class PortFollowingRow(SQLModel, table=True):
    """How a port follows the list."""

    __tablename__ = "port_following"

    site: str = Field(primary_key=True)
    port: str = Field(primary_key=True)
    run_id: str
    server: str = ""
    """The centre's server at which it follows; empty while it does not."""
    since: datetime = moment()
    heard_at: datetime = moment()
    model_version: str
    version: str
    certificate: str


class CentreReportRow(SQLModel, table=True):
    """At a port, one row, made by the first migration: the position up to which the centre has stored the event log."""

    __tablename__ = "centre_report"

    id: int = Field(default=1, primary_key=True)
    sequence: int = Field(sa_column=Column(BigInteger(), nullable=False))
    acknowledged_at: datetime | None = moment_or_none()
