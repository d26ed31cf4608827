"""Single fields of requests, where no value of the contract holds the whole request."""

from __future__ import annotations

import re
from uuid import UUID

from cekalwatch.contract.engine.scalars import read_uuid
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import MAX_WORD
from cekalwatch.wire.identity import KEY_PATTERN

KEY = re.compile(KEY_PATTERN)


def text(value: str, field: str, most: int = MAX_WORD) -> str:
    """Read a short text for the log; raises ARGUMENT_INVALID when it is long or has control characters."""
    if len(value) > most or not value.isprintable():
        raise CekalwatchError(Code.ARGUMENT_INVALID, field)
    return value


def uuid(value: str) -> UUID | None:
    """Read a UUID in lower case with hyphens; None for anything else, also for other forms that `UUID` accepts."""
    try:
        return read_uuid(value)
    except ValueError:
        return None
