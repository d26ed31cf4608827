"""What monitoring shows of notices: how many wait, and how many were given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from cekalwatch.extensions.notices.settings import Section
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.wiring.storage import Context

GAUGES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "notices_waiting": ("Notices that a webhook has not accepted yet.", ("target",)),
    "notices_given_up": ("Notices to a webhook that were given up within a day.", ("target",)),
}
GIVEN_UP_WITHIN: Final = timedelta(days=1)


def read(context: Context, now: datetime) -> Iterator[tuple[str, int, tuple[str]]]:
    """Yield the samples. Raises StorageError."""
    store = NoticeStore(context.database)
    for one in Section.of(context.settings).notices.webhooks:
        yield "notices_waiting", store.count_waiting(one.name), (one.name,)
        yield "notices_given_up", store.count_given_up(one.name, now - GIVEN_UP_WITHIN), (one.name,)
