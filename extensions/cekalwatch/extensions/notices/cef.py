"""Writes entries of the audit trail, and alarms, in the Common Event Format (CEF, version 0) that SIEMs parse.

Of the header, backslashes and pipes are escaped; of the extension, backslashes, equals signs and line ends (ArcSight,
"Implementing ArcSight Common Event Format", revision 25). An entry has what the trail has: keys, codes, counts, hashes.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Final

from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.program.version import version
from cekalwatch.server.audit.entry import Action, Link

VENDOR: Final = "Cekalwatch"
PRODUCT: Final = "cekalwatch-server"

LOW, MEDIUM, HIGH = 3, 6, 8
"""Severities: 0 to 3 are low, 4 to 6 medium, 7 and 8 high."""

HIGH_ACTIONS: Final = frozenset(
    {Action.ROWS_REFUSED, Action.ROWS_ACCEPTED, Action.AUDIT_HISTORY_ACCEPTED, Action.PORT_CONTRADICTED}
)
"""Somebody may have changed what is stored, or a port its reports."""
MEDIUM_ACTIONS: Final = frozenset(
    {
        Action.SIGN_IN_REFUSED,
        Action.SIGN_IN_LOCKED,
        Action.SESSION_REFUSED,
        Action.APPROVAL_REFUSED,
        Action.CERTIFICATES_REVOKED,
        Action.SHRINK_ACCEPTED,
        Action.AUDIT_EXPORTED,
        Action.BACKUP_RESTORED,
        Action.DATABASE_MOVED,
    }
)
"""What the security team looks at."""

MAX_HEADER: Final = 512
MAX_STRING: Final = 4000
"""Characters of a custom string (cs1 to cs6)."""

_NOT_PRINTABLE = re.compile(r"[^ -~]")


def entry_event(entry: Link) -> str:
    """Return an entry of the audit trail as an event whose signature is its action."""
    severity = HIGH if entry.action in HIGH_ACTIONS else MEDIUM if entry.action in MEDIUM_ACTIONS else LOW
    facts = [
        ("externalId", str(entry.sequence)),
        ("suid", entry.actor),
        ("outcome", entry.outcome[:63]),
        ("cs1Label", "objects"),
        ("cs1", entry.objects),
        ("cs2Label", "details"),
        ("cs2", entry.details),
        ("cs3Label", "hash"),
        ("cs3", entry.hash),
    ]
    return _event(entry.action, severity, entry.at, facts)


def alarm_event(notice: Notice) -> str:
    """Return the notice of an alarm as an event whose signature is the alarm's kind."""
    data = notice.data
    facts = [
        ("externalId", str(data["trouble_id"])),
        ("outcome", notice.type.removeprefix("trouble.")),
        *(
            pair
            for number, name in enumerate(("about", "site", "counter", "details"), 1)
            if data[name]
            for pair in ((f"cs{number}Label", name), (f"cs{number}", _text(data[name])))
        ),
    ]
    return _event(str(data["kind"]), LOW if data["ended_at"] else MEDIUM, notice.at.isoformat(), facts)


def _event(signature: str, severity: int, at: str, facts: Iterable[tuple[str, str]]) -> str:
    name = signature.replace("_", " ").capitalize()
    header = ("CEF:0", *map(_header, (VENDOR, PRODUCT, version(), signature, name)), str(severity))
    extension = [("rt", _milliseconds(at)), ("dvchost", _host()), *facts]
    return "|".join((*header, " ".join(f"{key}={_value(text)}" for key, text in extension if text)))


def _text(fact: object) -> str:
    return fact if isinstance(fact, str) else json.dumps(fact)


def _header(text: str) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:MAX_HEADER].replace("\\", "\\\\").replace("|", "\\|") or "-"


def _value(text: str) -> str:
    cut = text if len(text) <= MAX_STRING else text[: MAX_STRING - 3] + "..."
    lines = cut.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
    return _NOT_PRINTABLE.sub("_", lines)


def _milliseconds(at: str) -> str:
    """Return the moment in milliseconds since 1970; empty where a damaged entry has none."""
    try:
        return str(round(datetime.fromisoformat(at).timestamp() * 1000))
    except ValueError:
        return ""


@cache
def _host() -> str:
    return platform.node()[:100]
