"""Notices for tests of the notifier's screens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cekalwatch.notifier import convert
from cekalwatch.notifier.notice import EventKind, ImagePaths, Notice, Shown
from cekalwatch.notifier.updates import Freshness
from tests.support.alert_server import EPOCH, make_alert

FRESH = Freshness(EPOCH, stale=False, active_subjects=812)


def make_notice(name: str = "BUDI SANTOSO", *, minutes: int = 0, alert_id: str = "", score: float = 0.62) -> Notice:
    """Return a notice raised `minutes` after the tests' epoch."""
    return convert.notice(make_alert(name, raised=EPOCH + timedelta(minutes=minutes), alert_id=alert_id, score=score))


def make_shown(
    notice: Notice,
    *,
    sequence: int | None = 1,
    event: EventKind | None = EventKind.RAISED,
    images: ImagePaths = ImagePaths(),  # noqa: B008  # frozen
    notified_at: datetime | None = None,
) -> Shown:
    """Return the notice as it is shown at the moment of its raising."""
    return Shown(notice, images, notified_at or notice.raised_at, sequence, event)


class SetClock:
    """A clock that a test sets."""

    def __init__(self, moment: datetime = EPOCH) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment.astimezone(UTC)

    def pass_time(self, **parts: float) -> None:
        self.moment += timedelta(**parts)
