"""For which alerts a PC rings: domain rules 1, 6 and 7. To ring is a window in front, a sound, a bell.

The server says what of an alert asks for somebody now: live passages with which nobody deals, and its announcement to
supervisors or site. A PC rings for each that concerns it and that its program has not shown yet, whatever event it came
by. It knows no screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.adjudication import AlertState, Escalation
from cekalwatch.contract.values.alerts import Alert, AlertFilter
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.office.alerts import ShownAlert

MAX_REMEMBERED = 10_000
"""Above this number, the alert that was shown first is forgotten; one so old is settled."""
EVERYWHERE = AlertFilter()


@dataclass(frozen=True)
class Station:
    """What a PC watches, and who works there."""

    agent_id: str
    wanted: AlertFilter = EVERYWHERE
    session: PersonSession | None = None

    @property
    def supervised(self) -> bool:
        """Whether a supervisor is here: one has signed in or, while nobody has, the PC watches no single counter."""
        return self.session.supervises if self.session else not self.wanted.counters

    def watches(self, camera: CameraReference) -> bool:
        """Whether a traveller at `camera` concerns this PC."""
        return self.supervised or self.wanted.wants(camera)

    def holds(self, alert: Alert, camera: CameraReference) -> bool:
        """Whether somebody who has claimed the alert is at `camera`, as far as this PC can know.

        A supervisor's PC cannot know who works where: whoever took the alert up did so where its traveller was then.
        """
        claim = alert.handling.claim
        if claim is None or claim.agent_id == self.agent_id:
            return claim is not None
        own = not self.supervised or (bool(self.wanted.counters) and self.wanted.wants(camera))
        return not own and camera.counter == alert.taken_up_at


def rings(shown: ShownAlert, station: Station) -> bool:
    """Whether the PC rings for an alert that comes."""
    alert, handling = shown.alert, shown.alert.handling
    to_all = handling.escalation is Escalation.SITE and alert.state is AlertState.NEW
    if alert.call in shown.news and (station.supervised or to_all):
        return True
    asks = (camera for ask, camera in alert.asks.items() if ask in shown.news)
    return any(station.watches(one) and not station.holds(alert, one) for one in asks)


class ShownAsks:
    """What of each alert asked for somebody when this program showed it."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[int, frozenset[str]]] = {}

    def news(self, alert: Alert) -> frozenset[str]:
        """Return what asks and was not shown yet; nothing of a version that a listing has overtaken."""
        version, shown = self._shown.get(alert.alert_id, (0, frozenset[str]()))
        return frozenset(filter(None, (*alert.asks, alert.call))) - shown if alert.version >= version else frozenset()

    def note(self, *alerts: Alert) -> None:
        """Record that these versions have been shown."""
        for alert in alerts:
            new = self.news(alert)
            version, shown = self._shown.pop(alert.alert_id, (0, frozenset[str]()))
            self._shown[alert.alert_id] = max(version, alert.version), shown | new
            if len(self._shown) > MAX_REMEMBERED:
                del self._shown[next(iter(self._shown))]

    def forget(self) -> None:
        """Forget everything: the server's log is another one."""
        self._shown.clear()
