"""The drill of an outage: servers are asked for their health while somebody promotes a standby, or cuts a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cekalwatch.wire.dialer import Dialer

PERIOD_S = 0.5
_CALL_S = 2.0


@dataclass
class Outage:
    """A time in which no server recognised."""

    began_at: datetime
    reason: str
    """What the last server said: a gRPC code, or NOT_SERVING."""
    seconds: float = 0.0


@dataclass
class WatchedServers:
    """What was seen of the servers."""

    servers: tuple[str, ...]
    began_at: datetime
    seconds: float = 0.0
    outages: list[Outage] = field(default_factory=list)

    @property
    def longest_s(self) -> float:
        """Seconds of the longest outage; 0 when there was none."""
        return max((one.seconds for one in self.outages), default=0.0)


def watch(
    dialers: Sequence[Dialer],
    until: Callable[[], bool],
    now: Callable[[], datetime],
    tell: Callable[[Outage, bool], None],
) -> WatchedServers:
    """Ask the servers until `until` says so, every `PERIOD_S`: while one of them recognises there is no outage.

    `tell` hears of each outage when it begins (False) and ends (True). It blocks; an interrupt ends it as `until` does.
    """
    seen = WatchedServers(tuple(dialer.address for dialer in dialers), now())
    start = time.monotonic()
    down_since: float | None = None
    try:
        while not until():
            asked = time.monotonic()
            reason = _why_none_serves(dialers)
            if reason and down_since is None:
                down_since = asked
                seen.outages.append(Outage(now(), reason))
                tell(seen.outages[-1], False)  # whether it ended
            elif not reason and down_since is not None:
                seen.outages[-1].seconds = time.monotonic() - down_since
                down_since = None
                tell(seen.outages[-1], True)
            time.sleep(max(0.0, PERIOD_S - (time.monotonic() - asked)))
    except KeyboardInterrupt:
        pass
    if down_since is not None:
        seen.outages[-1].seconds = time.monotonic() - down_since
    seen.seconds = time.monotonic() - start
    return seen


def _why_none_serves(dialers: Sequence[Dialer]) -> str:
    reason = ""
    for dialer in dialers:
        if not (reason := _why_not(dialer)):
            return ""
    return reason


def _why_not(dialer: Dialer) -> str:
    with dialer.channel() as channel:
        try:
            said = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_CALL_S)
        except grpc.RpcError as error:
            return str(error.code().name)
    serves = said.status == health_pb2.HealthCheckResponse.SERVING
    return "" if serves else health_pb2.HealthCheckResponse.ServingStatus.Name(said.status)
