"""Compares what the database has besides rows with what the migrations made: a trigger can undo what a server writes.

Nobody but the migrations makes tables, indexes, triggers, views, rules or row policies here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.tables import METADATA

SCHEMA = "schema"
"""Stands for the table, where rows that are not as they were written are named."""
_SAME_KEY: Mapping[str, str] = MappingProxyType(
    {
        "audit_entry": "sequence = NEW.sequence",
        "audit_checkpoint": "public_key = NEW.public_key AND (sequence = NEW.sequence OR number = NEW.number)",
        "audit_index": "term = NEW.term AND moment = NEW.moment AND sequence = NEW.sequence",
    }
)
"""Tables that are append-only, with what their triggers compare."""
_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
_POSTGRESQL = """
SELECT 'trigger', t.tgname, c.relname, t.tgenabled::text || ' ' || p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::text::regnamespace
UNION ALL SELECT 'view', c.relname, c.relname, ''
FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace = current_schema()::text::regnamespace
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL SELECT 'rule', rulename, tablename, '' FROM pg_rules WHERE schemaname = current_schema()
UNION ALL SELECT 'row policy', relname, relname, ''
FROM pg_class WHERE relrowsecurity AND relnamespace = current_schema()::text::regnamespace
"""


def strange_triggers(database: Database) -> list[str]:
    """Return the triggers, views, rules and row policies that are other ones than the migrations made. Milliseconds.

    Also a search path in which others can put names of their own before those of the catalogue, which is asked here.
    """
    with database.connection() as connection:
        shadowed = list(_shadowed(connection)) if database.is_shared else []
        query, made = (_POSTGRESQL, _made_in_postgresql()) if database.is_shared else (_SQLITE, _made_in_sqlite())
        wanted = {(kind, name, table): " ".join(text.split()) for kind, name, table, text in made}
        found = {
            (str(kind), str(name), str(table)): " ".join(str(text).split())
            for kind, name, table, text in connection.exec_driver_sql(query)
        }
    other = wanted.keys() ^ found.keys() | {key for key in wanted.keys() & found.keys() if wanted[key] != found[key]}
    return [f"{kind} {name} of {table}" for kind, name, table in sorted(other)] + shadowed


def _shadowed(connection: Connection) -> Iterator[str]:
    """Yield the search path if it names PostgreSQL's catalogue, which comes first unless it is named elsewhere."""
    path = str(connection.exec_driver_sql("SHOW search_path").scalar_one())
    if any(one.strip(' "') == "pg_catalog" for one in path.split(",")[1:]):
        yield f"search_path {path}"


def strange_tables(database: Database) -> list[str]:
    """Return the differences of tables, columns and indexes from those of this version. It takes up to a second."""
    with database.connection() as connection:
        return [_described(one) for one in _differences(connection)]


def _differences(connection: Connection) -> Iterator[tuple[object, ...]]:
    for one in compare_metadata(MigrationContext.configure(connection), METADATA):
        yield from one if isinstance(one, list) else [one]


def _described(difference: tuple[object, ...]) -> str:
    """Write a difference: what Alembic would do about it, and the names among its parts."""
    action, *parts = difference
    names = (getattr(part, "name", part) for part in parts if isinstance(part, str) or hasattr(part, "name"))
    return " ".join(map(str, (action, *names)))


def _made_in_sqlite() -> Iterator[tuple[str, str, str, str]]:
    for table, same_key in _SAME_KEY.items():
        refusal = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for change in ("UPDATE", "DELETE"):
            name = f"{table}_no_{change.lower()}"
            yield "trigger", name, table, f"CREATE TRIGGER {name} BEFORE {change} ON {table} {refusal}"
        name, exists = f"{table}_no_replace", f"EXISTS (SELECT 1 FROM {table} WHERE {same_key})"  # noqa: S608  # ours
        yield "trigger", name, table, f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN {exists} {refusal}"


def _made_in_postgresql() -> Iterator[tuple[str, str, str, str]]:
    for table in _SAME_KEY:
        source = f"O BEGIN RAISE EXCEPTION '{table} is append-only'; END"
        yield "trigger", f"{table}_append_only", table, source
