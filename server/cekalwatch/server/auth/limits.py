"""The open calls and the rate of calls that a device may have at an address, so that none can starve the others.

Whoever calls elsewhere with a copy of a device's key uses up nothing of the device's own.

Pure: it knows no transport, and its caller reports refusals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from cekalwatch.server.concurrency.token_bucket import TokenBucket, TokenBuckets
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import CHEAP_PAGE, MAX_PAGE
from cekalwatch.wire.identity import DeviceRole, Identity

MAX_OPEN: Final[Mapping[DeviceRole, int]] = MappingProxyType(
    {
        DeviceRole.CAMERA: 4,
        DeviceRole.NOTIFIER: 9,
        DeviceRole.PORT: 8,
        DeviceRole.CONSOLE: 64,
        DeviceRole.DIAGNOSTICS: 5,
        DeviceRole.SERVER: 64,
    }
)
"""Open calls that a device of each role may have. A camera that reconnects has two streams for a while, and so does
each of a port's streams. A notifier has one stream of alerts and one of alarms, makes four calls at once for its
person and one for its deliveries. A console makes the calls of everybody who has one of its pages open."""
TOKENS_PER_S: Final = 50.0
MAX_TOKENS: Final = 200.0
"""The token bucket of a device: a sustained rate (per second) and a burst size."""
SHARE: Final[Mapping[DeviceRole, float]] = MappingProxyType({DeviceRole.CONSOLE: 10.0})
"""Number of devices whose tokens one device of this role gets: many people use a console at once."""
ACKNOWLEDGEMENT: Final = "/cekalwatch.v1.AlertService/AcknowledgeAlerts"
ACKNOWLEDGEMENT_COST: Final = 0.1
"""An agent that catches up acknowledges many events in a row."""
STATUS: Final = ("/cekalwatch.v1.OperationsService/GetStatus", "/grpc.health.v1.Health/Check")
STATUS_COST: Final = 1.0
"""Called often by whatever watches the server, and answered from memory."""
VIEWS: Final = (
    "/cekalwatch.v1.AlertService/GetAlert",
    "/cekalwatch.v1.AlertService/ListChangedAlerts",
    "/cekalwatch.v1.CameraService/GetAimingPicture",
    "/cekalwatch.v1.WatchlistService/GetSubject",
)
VIEW_COST: Final = 2.0
"""A PC that starts with fifty open alerts, or a console on a busy morning, opens many in a row; a page with a
subject's photographs loads each by a separate call, and with each event all open console pages ask at once."""
PORT_READS: Final = ("/cekalwatch.v1.ListFeedService/ReadList", "/cekalwatch.v1.ListFeedService/FetchReferences")
PORT_READ_COST: Final = 0.1
"""A new port reads a hundred thousand subjects in a row."""
DEFAULT_COST: Final = 10.0
COSTS: Final[Mapping[str, float]] = MappingProxyType(
    {ACKNOWLEDGEMENT: ACKNOWLEDGEMENT_COST}
    | dict.fromkeys(VIEWS, VIEW_COST)
    | dict.fromkeys(STATUS, STATUS_COST)
    | dict.fromkeys(PORT_READS, PORT_READ_COST)
)
COST_OF_ENTRY: Final = 0.5
"""Cost of each possible entry of a page, beyond those of a cheap one."""
MAX_WAIT_S: Final = 5.0
"""Maximum time that a call waits for its device's tokens; a call that would wait longer is refused."""
REFUSAL_DELAY_S: Final = 1.0
"""Delay of a refusal, so that immediate repeats cannot use up the server's time."""
MAX_KNOWN: Final = 1000


class DeviceLimitError(CekalwatchError):
    """CALLS_TOO_MANY or RATE_EXCEEDED."""


_Place = tuple[Identity, str]
"""A device at an address."""


class CallLimits:
    """Counts each device's calls; it belongs to one thread. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: Counter[_Place] = Counter()
        self._buckets: TokenBuckets[_Place | str] = TokenBuckets(TOKENS_PER_S, MAX_TOKENS, MAX_KNOWN)

    @contextmanager
    def call(self, device: Identity, method: str, address: str = "") -> Iterator[float]:
        """Count a call for the duration of the block, and give the seconds that it must wait first.

        Raises DeviceLimitError CALLS_TOO_MANY or RATE_EXCEEDED.
        """
        place = device, address
        if self._open[place] >= MAX_OPEN[device.role]:
            raise DeviceLimitError(Code.CALLS_TOO_MANY)
        wait_s = self._charge(place, COSTS.get(method, DEFAULT_COST))
        self._open[place] += 1
        try:
            yield wait_s
        finally:
            self._open[place] -= 1
            if not self._open[place]:
                del self._open[place]

    def charge_page(self, device: Identity, entries: int, address: str = "") -> float:
        """Charge for a page with that many entries, besides the call itself; return the seconds that it must wait.

        Raises DeviceLimitError RATE_EXCEEDED.
        """
        return self._charge((device, address), COST_OF_ENTRY * max(0, min(entries, MAX_PAGE) - CHEAP_PAGE))

    def charge_stranger(self, stranger: str) -> float:
        """Charge a caller that is refused before it counts as a device; return the seconds that the answer must wait.

        `stranger` is the certificate or the address: a revoked certificate must not use up the tokens of the device
        that has a new certificate with the same name.
        """
        now_s = self._monotonic()
        wait_s = self._bucket(stranger, now_s).take(DEFAULT_COST, now_s, MAX_WAIT_S)
        return MAX_WAIT_S if wait_s is None else wait_s

    def _charge(self, place: _Place, cost: float) -> float:
        now_s = self._monotonic()
        wait_s = self._bucket(place, now_s).take(cost, now_s, MAX_WAIT_S)
        if wait_s is None:
            raise DeviceLimitError(Code.RATE_EXCEEDED)
        return wait_s

    def _bucket(self, who: _Place | str, now_s: float) -> TokenBucket:
        return self._buckets.of(who, now_s, 1.0 if isinstance(who, str) else SHARE.get(who[0].role, 1.0))
