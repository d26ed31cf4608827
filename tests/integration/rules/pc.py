"""An officer's PC without its windows: the notifier's own client, delivery and inbox, and what it showed and rang."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from cekalwatch.contract.codec.alerts import STREAM
from cekalwatch.contract.values.alerts import Alert, AlertFilter, KeepAlive
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.delivery.alert_delivery import Acknowledgements, AlertDelivery, Recall
from cekalwatch.notifier.delivery.inbox import Inbox
from cekalwatch.notifier.delivery.ringing import Station, rings
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.subscription import Start, SubscriptionClient
from cekalwatch.office.connection import Disconnected, LostPosition
from cekalwatch.program.session_file import SessionFile
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.integration.rules.line import Exchange, Line


class Paper:
    """What an officer saw and heard at this PC; it outlives the program."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.alerts: dict[str, Alert] = {}
        self.rings: Counter[str] = Counter()
        """By alert, since somebody looked."""

    def prepare(self, alert: Alert) -> None:
        pass

    def show(self, *shown: ShownAlert) -> None:
        for one in shown:
            self.rings[one.alert.alert_id] += rings(one, self._station)
            known = self.alerts.get(one.alert.alert_id)
            if known is None or one.alert.version >= known.version:
                self.alerts[one.alert.alert_id] = one.alert

    def connected(self, freshness: Freshness, waiting: int, readiness: Readiness | None = None) -> None:
        pass

    def disconnected(self, ended: Disconnected) -> None:
        pass

    def started_over(self, lost: LostPosition) -> None:
        raise AssertionError(lost)

    def passed_unusable(self, notice: UnusableNotice) -> None:
        raise AssertionError(notice)


class _Dialer(Dialer):
    """Opens lines."""

    def __init__(self, open_line: Callable[[], Line]) -> None:
        super().__init__("127.0.0.1:1", None)
        self.channel = open_line  # type: ignore[assignment]  # a line is what the clients need of a channel

    def another(self) -> Dialer:
        return self


class Pc:
    """The agent on one PC; it runs until it dies, and can start again."""

    def __init__(
        self,
        exchange: Exchange,
        folder: Path,
        name: str,
        site: str,
        counters: tuple[str, ...],
        who: str,
        now: Callable[[], datetime],
        *,
        supervised: bool,
        person: str,
    ) -> None:
        self.who, self.person = who, person
        self.name, self.site, self.counters, self.supervised = name, site, counters, supervised
        self._folder, self._now = folder, now
        self._wanted = AlertFilter(site, frozenset(counters))
        self.paper = Paper(Station(name, self._wanted))
        identity = Identity(DeviceRole.NOTIFIER, site, name)
        self._dialer = _Dialer(lambda: Line(exchange, identity))
        self._exchange = exchange
        self.named = True
        """Whether the server names people here: somebody had signed in when the agent connected."""
        self._session = SessionFile(folder / "session")
        self._session.keep(who)
        self.client = AlertClient(Calls(self._dialer), name, self._wanted, self._session)
        self.alive = False

    def start(self) -> None:
        """Start the agent."""
        self._inbox = Inbox(self._folder / "inbox.sqlite3", self._now)
        subscription = SubscriptionClient(self._dialer, self.name, self._wanted, self._session)
        self._acknowledgements = Acknowledgements(subscription.acknowledge)
        self._delivery = AlertDelivery(
            self.client, self._acknowledgements, self._inbox, self.paper, Recall.AT_HAND, self._now
        )
        self._subscription = subscription
        self.alive = True
        self.connect()

    def connect(self) -> None:
        """Subscribe; the server knows of it when it has said so."""
        self.named = self.who in self._exchange.people
        self._stream: Any = self._subscription.subscribe(Start.ACKNOWLEDGED, None)
        self._take(next(iter(self._stream)))

    def die(self) -> None:
        """End the agent without a word."""
        self.alive = False
        self._stream.cancel()
        self._inbox.close()

    def listen(self) -> None:
        """Take what the server has to say."""
        for response in self._stream:
            if isinstance(self._take(response), KeepAlive):
                self._acknowledgements.send()
                return

    def _take(self, response: Any) -> Any:
        if (told := STREAM.read(response)) is not None:
            self._delivery.take(told)
        return told
