"""For which alerts a PC rings: window to the front, sound, bell. Pure functions; domain rules 1, 6 and 7.

An alert rings where the traveller is now, at each counter whose PC has not shown it, whatever brings it there. At a
supervisor's PC it rings again whenever it has come to the supervisors, also when that is seen only with a later event.
One whose orders have ended is silent; one that asks officers again (an order in force again, or the next candidate
after a referral was cleared) rings like a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from cekalwatch.contract.values.adjudication import PENDING, UNDECIDED, UNSETTLED, AlertEventType
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.office.alerts import News, ShownAlert

_ASKED_AGAIN = frozenset({AlertEventType.ORDERS_RESUMED, AlertEventType.CLEARED})
"""What sets an alert that is unsettled then to work once more."""
_TRAVELLER_IS_HERE = frozenset({AlertEventType.RAISED, AlertEventType.SIGHTED})


def rings(shown: ShownAlert, *, supervised: bool) -> bool:
    """Whether the PC rings for an alert that comes; `supervised`: see `is_supervised`."""
    alert, news = shown.alert, shown.news
    if news is News.SAME or alert.orders_ended_at:
        return False
    again = shown.event_type in _ASKED_AGAIN
    if supervised and news is News.CALLED and alert.state in UNSETTLED:
        return True
    if supervised and alert.state in PENDING and (news is News.FIRST or again):
        return True
    if news is News.FIRST and alert.open and shown.event_type in _TRAVELLER_IS_HERE:
        return True  # also after a referral: who stands at another counter now must not pass there
    return alert.state in UNDECIDED and (news is News.FIRST or again)


def is_supervised(session: PersonSession | None, counters: Sequence[str]) -> bool:
    """Whether a supervisor is at a PC: one has signed in or, while nobody has, the PC watches no single counter."""
    return session.supervises if session else not counters
