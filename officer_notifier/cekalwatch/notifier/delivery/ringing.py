"""For which alerts a PC rings: domain rules 1, 6 and 7. To ring is a window in front, a sound, a bell.

An alert rings where the traveller is: each live passage at the PCs of its counter, unless somebody there is dealing
with the alert. What waits for somebody rings when this program shows it for the first time, so a PC that was restarted
rings for it, and again whenever it was released. At a supervisor's PC it rings again each time it comes to the
supervisors, even if only a later event shows that. An alert whose orders have ended is silent. It knows no screen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState
from cekalwatch.contract.values.alerts import Alert, AlertFilter
from cekalwatch.contract.values.cameras import CameraReference
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.office.alerts import Appearance, News, ShownAlert

MAX_REMEMBERED = 10_000
"""Above this number, the alert that was shown first is forgotten; one so old is settled."""
EVERYWHERE = AlertFilter()
_ASKED_AGAIN = frozenset(
    {
        AlertEventType.ORDERS_RESUMED,
        AlertEventType.CLEARED,
        AlertEventType.RELEASED,
        AlertEventType.CLAIMED,
        AlertEventType.TAKEN_OVER,
    }
)
"""Rings again for an alert that is still open when its claim ends. A claim that arrives later is refused."""
_TRAVELLER_IS_HERE = frozenset({AlertEventType.RAISED, AlertEventType.SIGHTED})


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

    def deals_with(self, alert: Alert) -> bool:
        """Whether somebody at this PC has claimed the alert, or has judged it and it is open still."""
        claim = alert.handling.claim
        if alert.state is AlertState.CLAIMED:
            return claim is not None and claim.agent_id == self.agent_id
        finding = alert.handling.findings[-1] if alert.handling.findings else None
        judged = finding and self.session and finding.person.person_id == self.session.person_id
        return alert.state is not AlertState.NEW and bool(judged)


def rings(shown: ShownAlert, station: Station) -> bool:
    """Whether the PC rings for an alert that comes."""
    alert, news, event = shown.alert, shown.appearance.news, shown.event_type
    if alert.orders_ended_at or not alert.open:
        return False
    # Who judged it may undo that still: it comes to the supervisors afterwards.
    told = station.supervised and alert.undo_until is None
    waits = alert.state is AlertState.NEW or (told and alert.pending)
    if waits and (news is News.FIRST or (event in _ASKED_AGAIN and news is not News.SAME)):
        return True
    if told and news is News.CALLED:  # also of a hit, until every agency was told
        return True
    # Of an alert that was not shown here yet, only an event says that the traveller is here now.
    here = news is not News.FIRST or event in _TRAVELLER_IS_HERE
    return here and any(_calls(shown.appearance, camera, station, alert) for camera in shown.appearance.passed)


def _calls(appearance: Appearance, camera: CameraReference, station: Station, alert: Alert) -> bool:
    """Whether a live passage at `camera` rings here."""
    if not station.watches(camera) or station.deals_with(alert):
        return False
    own = not station.supervised or (bool(station.wanted.counters) and station.wanted.wants(camera))
    # A supervisor's PC cannot know who works where: whoever took the alert up did so where its traveller was then.
    return own or alert.state is AlertState.NEW or camera.counter != appearance.taken_up_at


@dataclass(frozen=True)
class _Remembered:
    version: int
    stamp: str
    calls: int
    passages: frozenset[str]
    unheard: frozenset[str]
    """Passages present when the alert was first shown that no sighting at this counter explains."""
    asked: bool
    """Whether this version was shown as one that is set to work: first, or with the event that did so."""
    taken_up_at: str


class ShownVersions:
    """How alerts were when this program showed them last."""

    def __init__(self) -> None:
        self._shown: dict[str, _Remembered] = {}

    def appearance(self, alert: Alert, event: AlertEventType | None = None, capture_id: str = "") -> Appearance:
        """Classify an alert event for this PC: new, seen again here, or known."""
        before = self._shown.get(alert.alert_id)
        known = before.passages - _unheard(before, alert, capture_id) if before else frozenset[str]()
        passed = {one.camera for one in alert.seen if not one.late and one.passage_key not in known}
        if before is None:
            return Appearance(News.FIRST, tuple(passed), _taken_up_at(alert, ""))
        if alert.version < before.version:  # an event that was missed is told of after the alert was listed
            own = {one.camera for one in alert.seen if one.passage_key in _unheard(before, alert, capture_id)}
            return Appearance(passed=tuple(own), taken_up_at=before.taken_up_at)
        changed = News.CALLED if alert.calls > before.calls else News.CHANGED
        # Events that were read together bring the same version: the one that sets it to work may come last.
        same = alert.stamp == before.stamp and (before.asked or event not in _ASKED_AGAIN)
        news = News.SAME if same else changed
        return Appearance(news, tuple(passed), before.taken_up_at)

    def note(self, *alerts: Alert, event: AlertEventType | None = None, capture_id: str = "") -> None:
        """Record that these versions have been shown, with an event and its capture."""
        for alert in alerts:
            before = self._shown.pop(alert.alert_id, None)
            passages = frozenset(one.passage_key for one in alert.seen if not one.late)
            if before:
                unheard = before.unheard - _unheard(before, alert, capture_id)
            else:
                heard = alert.state is AlertState.NEW or event in _TRAVELLER_IS_HERE
                unheard = frozenset() if heard else passages
            if before and alert.version < before.version:
                self._shown[alert.alert_id] = replace(before, unheard=unheard)
                continue
            stood = before and before.stamp == alert.stamp and before.asked
            self._shown[alert.alert_id] = _Remembered(
                alert.version,
                alert.stamp,
                alert.calls,
                passages | (before.passages if before else passages),
                unheard,
                before is None or event in _ASKED_AGAIN or bool(stood),
                _taken_up_at(alert, before.taken_up_at if before else ""),
            )
            if len(self._shown) > MAX_REMEMBERED:
                del self._shown[next(iter(self._shown))]

    def forget(self) -> None:
        """Forget everything: the server's log is another one."""
        self._shown.clear()


def _unheard(before: _Remembered, alert: Alert, capture_id: str) -> frozenset[str]:
    """Return the passage of a live capture, if it was shown and nothing rang for it."""
    return before.unheard & {one.passage_key for one in alert.seen if one.capture_id == capture_id and not one.late}


def _taken_up_at(alert: Alert, before: str) -> str:
    """Return the counter where the traveller was when somebody took the alert up; empty while nobody has."""
    return "" if alert.state is AlertState.NEW else before or alert.place.counter
