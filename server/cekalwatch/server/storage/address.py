"""The address of a database, as settings have it."""

from __future__ import annotations

import re

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.program.errors import Exit, ProgramError

_HOSTS = re.compile(
    r"(?P<before>postgresql(?:\+\w+)?://(?:[^@/]*@)?)(?P<hosts>[^][@/,?]+(?:,[^][@/,?]+)+)/(?P<name>[^?]*)(?:\?(?P<options>.*))?"
)
"""An address with several hosts, as PostgreSQL's own programs take it."""


def database_url(address: str) -> URL:
    """Return it as SQLAlchemy reads it. Raises ProgramError where it names no database that the server can use."""
    try:
        url = make_url(_HOSTS.sub(_as_options, address))
        backend = url.get_backend_name()
    except (ValueError, SQLAlchemyError):
        raise ProgramError(
            "The database address is wrong; write sqlite:///FILE or postgresql://USER@HOST/NAME, with several hosts "
            "postgresql://USER@HOST:PORT,HOST:PORT/NAME",
            Exit.CONFIG,
        ) from None
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not url.database or url.database == ":memory:":
        raise ProgramError(
            "The database must be an SQLite file (sqlite:///FILE) or PostgreSQL (postgresql://USER@HOST/NAME)",
            Exit.CONFIG,
        )
    return url


def _as_options(found: re.Match[str]) -> str:
    """Write several hosts as SQLAlchemy reads them."""
    hosts = "&".join(f"host={host}" for host in found["hosts"].split(","))
    return f"{found['before']}/{found['name']}?{hosts}{'&' if found['options'] else ''}{found['options'] or ''}"
