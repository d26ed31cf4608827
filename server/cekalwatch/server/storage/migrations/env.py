"""Runs migrations over the connection that `Database.upgrade` gives, inside its transaction.

To write a new one after changing the tables: `python -m cekalwatch.server.storage.migrations "what changes"`.
"""

from typing import Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from cekalwatch.server.storage.alerts import tables as alert_tables
from cekalwatch.server.storage.audit import tables as audit_tables
from cekalwatch.server.storage.cameras import tables as camera_tables
from cekalwatch.server.storage.cluster import tables as cluster_tables
from cekalwatch.server.storage.columns import Facts, Uninterpreted, UtcDateTime
from cekalwatch.server.storage.keys import store as key_tables
from cekalwatch.server.storage.models import tables as model_tables
from cekalwatch.server.storage.people import tables as people_tables
from cekalwatch.server.storage.ports import tables as port_tables
from cekalwatch.server.storage.sync import tables as sync_tables
from cekalwatch.server.storage.troubles import tables as trouble_tables
from cekalwatch.server.storage.watchlist import tables as watchlist_tables

TABLES = (
    alert_tables,
    audit_tables,
    camera_tables,
    cluster_tables,
    key_tables,
    model_tables,
    people_tables,
    port_tables,
    sync_tables,
    trouble_tables,
    watchlist_tables,
)
"""The modules whose tables autogenerate compares; importing them registers the tables."""

PLAIN_TYPES = {
    Facts: "sa.JSON()",
    AutoString: "sa.String()",
    Uninterpreted: "sa.LargeBinary()",
    UtcDateTime: "sa.DateTime(timezone=True)",
}


def _plain_type(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our column types as SQLAlchemy's own, so that a migration does not change with the program."""
    if kind == "type":
        for ours, plain in PLAIN_TYPES.items():
            if isinstance(item, ours):
                return plain
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=_plain_type,
)
with context.begin_transaction():
    context.run_migrations()
