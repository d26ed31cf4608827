"""All tables of the database."""

from __future__ import annotations

from sqlalchemy import MetaData, Table
from sqlmodel import SQLModel

from cekalwatch.server.storage import alarms, cameras, notices, settings
from cekalwatch.server.storage.alerts import tables as alert_tables
from cekalwatch.server.storage.audit import tables as audit_tables
from cekalwatch.server.storage.cluster import tables as cluster_tables
from cekalwatch.server.storage.exercises import tables as exercise_tables
from cekalwatch.server.storage.keys import store as key_tables
from cekalwatch.server.storage.models import tables as model_tables
from cekalwatch.server.storage.people import tables as people_tables
from cekalwatch.server.storage.ports import tables as port_tables
from cekalwatch.server.storage.sync import tables as sync_tables
from cekalwatch.server.storage.watchlist import agencies, inventory, law
from cekalwatch.server.storage.watchlist import tables as watchlist_tables

MODULES = (
    agencies,
    alert_tables,
    audit_tables,
    cameras,
    inventory,
    law,
    cluster_tables,
    exercise_tables,
    key_tables,
    model_tables,
    notices,
    people_tables,
    port_tables,
    settings,
    sync_tables,
    alarms,
    watchlist_tables,
)
"""Importing them registers the tables."""
METADATA: MetaData = SQLModel.metadata


def all_tables() -> list[Table]:
    """Return the tables, those first to which others refer; Alembic's own is not among them."""
    return METADATA.sorted_tables
