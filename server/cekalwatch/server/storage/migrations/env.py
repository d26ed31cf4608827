"""Runs migrations over the connection that `Database.upgrade` gives, inside its transaction.

To write a new one after changing the tables: `python -m cekalwatch.server.storage.migrations "what changes"`.
"""

from typing import Literal

from alembic import context
from sqlmodel import AutoString

from cekalwatch.server.storage.columns import Facts, Uninterpreted, UtcDateTime
from cekalwatch.server.storage.tables import METADATA

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
    target_metadata=METADATA,
    render_as_batch=True,
    render_item=_plain_type,
)
with context.begin_transaction():
    context.run_migrations()
